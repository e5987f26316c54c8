//! Keys that are accepted and stored although nothing acts on them yet. A deploy says them, so that
//! nobody believes in what does not happen.

use crate::{
    AppConfig,
    section::{Build, Deploy, Experimental, HttpService, ServiceSection, StrategyName, Vm},
};

/// Collects the paths of keys that are set.
#[derive(Default)]
struct Unacted(Vec<String>);

impl Unacted {
    fn note(&mut self, set: bool, path: impl Into<String>) {
        if set {
            self.0.push(path.into());
        }
    }
}

impl AppConfig {
    /// The keys of this configuration that nothing acts on yet, by path.
    pub fn unacted(&self) -> Vec<String> {
        let mut found = Unacted::default();
        found.note(self.console_command.is_some(), "console_command");
        found.note(self.host_dedication_id.is_some(), "host_dedication_id");
        found.note(self.machine_config.is_some(), "machine_config");
        found.note(self.container.is_some(), "container");
        found.note(!self.machine_checks.is_empty(), "machine_checks");
        build(&mut found, &self.build);
        deploy(&mut found, &self.deploy);
        if let Some(service) = &self.http_service {
            http_service(&mut found, service);
        }
        for (n, section) in self.services.iter().enumerate() {
            service(&mut found, &format!("services[{n}]"), section);
        }
        for (n, section) in self.vm.iter().enumerate() {
            vm(&mut found, &format!("vm[{n}]"), section);
        }
        experimental(&mut found, &self.experimental);
        found.0
    }
}

fn build(found: &mut Unacted, build: &Build) {
    found.note(build.builder.is_some(), "build.builder");
    found.note(!build.buildpacks.is_empty(), "build.buildpacks");
    found.note(build.compose.is_some(), "build.compose");
    found.note(build.builtin.is_some(), "build.builtin");
    found.note(!build.settings.is_empty(), "build.settings");
    found.note(build.compression.is_some(), "build.compression");
    found.note(build.compression_level.is_some(), "build.compression_level");
}

fn deploy(found: &mut Unacted, deploy: &Deploy) {
    if let Some(strategy @ (StrategyName::Canary | StrategyName::Bluegreen)) = deploy.strategy {
        found.note(true, format!("deploy.strategy = \"{}\" (rolling is used)", strategy.as_str()));
    }
    found.note(deploy.release_command.is_some(), "deploy.release_command");
    found.note(deploy.release_command_timeout.is_some(), "deploy.release_command_timeout");
    found.note(deploy.release_command_vm.is_some(), "deploy.release_command_vm");
    found.note(deploy.seed_command.is_some(), "deploy.seed_command");
}

fn http_service(found: &mut Unacted, service: &HttpService) {
    let at = "http_service";
    found.note(!service.machine_checks.is_empty(), format!("{at}.machine_checks"));
}

fn service(found: &mut Unacted, at: &str, service: &ServiceSection) {
    found.note(!service.machine_checks.is_empty(), format!("{at}.machine_checks"));
}

fn vm(found: &mut Unacted, at: &str, vm: &Vm) {
    found.note(vm.gpus.is_some_and(|n| n > 0), format!("{at}.gpus"));
    found.note(vm.gpu_kind.is_some(), format!("{at}.gpu_kind"));
    found.note(vm.host_dedication_id.is_some(), format!("{at}.host_dedication_id"));
}

fn experimental(found: &mut Unacted, experimental: &Experimental) {
    let at = "experimental";
    found.note(experimental.machine_config.is_some(), format!("{at}.machine_config"));
    found.note(experimental.container.is_some(), format!("{at}.container"));
    found.note(experimental.enable_consul == Some(true), format!("{at}.enable_consul"));
    found.note(experimental.enable_etcd == Some(true), format!("{at}.enable_etcd"));
    found.note(experimental.lazy_load_images == Some(true), format!("{at}.lazy_load_images"));
    found.note(experimental.attached.is_some(), format!("{at}.attached"));
}
