//! What a VMM can see and do, looked at from inside its jail.

#[allow(dead_code, unused_imports, reason = "each file of tests uses its part")]
mod support;

use std::{
    fs::{self, File},
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};
use support::{Host, Machine};

#[tokio::test(flavor = "multi_thread")]
async fn a_vmm_has_no_rights_and_sees_nothing_of_others() {
    let host = Host::new().await;
    let (mut first, mut second) = (host.machine(11), host.machine(12));
    first.disk("data", 1 << 20);
    second.disk("data", 1 << 20);
    let (first_vm, second_vm) = (first.spawn().await, second.spawn().await);

    let status = fs::read_to_string(format!("/proc/{}/status", first_vm.pid())).unwrap();
    let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    let (uid, gid) = (first.spec.jail.uid, first.spec.jail.gid);
    assert_eq!(field("Uid:"), [uid; 4].map(|id| id.to_string()).join("\t"));
    assert_eq!(field("Gid:"), [gid; 4].map(|id| id.to_string()).join("\t"));
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(u64::from_str_radix(&field(set), 16).unwrap(), 0, "{set}");
    }
    assert_eq!((field("Groups:").as_str(), field("NoNewPrivs:").as_str()), ("", "1"));
    assert_eq!(field("Seccomp:"), "2", "a filter is in force");
    for namespace in ["mnt", "net", "ipc", "uts"] {
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/{namespace}")).unwrap();
        assert_ne!(of(&first_vm.pid().to_string()), of("self"), "{namespace}");
        assert_ne!(of(&first_vm.pid().to_string()), of(&second_vm.pid().to_string()), "{namespace}");
    }
    in_its_cgroups_with_limits(&first, first_vm.pid());

    // As the other machine's VMM, should a guest take it over: its user, in its jail.
    let secrets = [first.spec.disks[0].path.clone(), first.socket("qmp.sock"), first.socket("guest.sock")];
    let pids = [first_vm.pid(), second_vm.pid()];
    as_vmm(second_vm.pid(), second.spec.jail.uid, move || {
        let mut names: Vec<_> = fs::read_dir("/").unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert!(!names.contains(&"proc".into()) && !names.contains(&"home".into()), "{names:?}");
        assert!(secrets.iter().all(|path| !path.exists()));
        for folder in ["/", "/boot", "/dev", "/firmware"] {
            let error = File::create(Path::new(folder).join("new")).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(nix::libc::EROFS), "{folder}");
        }
        let kill = |pid: u32| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), None);
        assert_eq!(kill(pids[1]), Ok(()), "this is the second machine's user");
        assert_eq!(kill(pids[0]), Err(nix::errno::Errno::EPERM));
    });

    // And as its user outside of the jail.
    let (disk, sockets) =
        (first.spec.disks[0].path.clone(), [first.socket("qmp.sock"), first.socket("guest.sock")]);
    let taps = format!("/proc/{}/fd", first_vm.pid());
    as_user(second.spec.jail.uid, move || {
        let denied = |result: io::Result<()>| result.unwrap_err().kind() == io::ErrorKind::PermissionDenied;
        assert!(denied(File::open(&disk).map(drop)));
        assert!(sockets.iter().all(|socket| denied(UnixStream::connect(socket).map(drop))));
        assert!(denied(fs::read_dir(&taps).map(drop)), "open descriptors, such as the tap's");
    });
}

fn in_its_cgroups_with_limits(machine: &Machine, pid: u32) {
    let groups = machine.cgroups();
    assert!(!groups.is_empty());
    let read = |names: [&str; 2]| {
        let files = groups.iter().flat_map(|group| names.map(|name| group.join(name)));
        files.filter_map(|file| fs::read_to_string(file).ok()).next().unwrap().trim().to_owned()
    };
    for group in &groups {
        let members = fs::read_to_string(group.join("cgroup.procs")).unwrap();
        assert!(members.lines().any(|line| line == pid.to_string()), "{}", group.display());
    }
    let limits = &machine.spec.jail.limits;
    assert_eq!(read(["memory.max", "memory.limit_in_bytes"]), limits.memory_bytes.to_string());
    assert_eq!(read(["pids.max", "pids.max"]), limits.pids.to_string());
    assert!(read(["cpu.max", "cpu.cfs_quota_us"]).starts_with(&limits.cpu.quota_us.to_string()));
}

impl Machine {
    fn socket(&self, name: &str) -> PathBuf {
        self.spec.jail.dir.join(name)
    }
}

/// In the mount namespace of a process, as a user.
fn as_vmm(pid: u32, uid: u32, work: impl FnOnce() + Send + 'static) {
    let namespace = File::open(format!("/proc/{pid}/ns/mnt")).unwrap();
    on_thread(move || {
        // A thread shares its folder with the others until it says otherwise, and may not move before.
        unshare(CloneFlags::CLONE_FS).unwrap();
        setns(namespace, CloneFlags::CLONE_NEWNS).unwrap();
        become_user(uid);
        work();
    });
}

fn as_user(uid: u32, work: impl FnOnce() + Send + 'static) {
    on_thread(move || {
        become_user(uid);
        work();
    });
}

fn on_thread(work: impl FnOnce() + Send + 'static) {
    thread::spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// This thread only: the C library's calls would change all threads.
fn become_user(uid: u32) {
    // SAFETY: plain system calls with plain numbers.
    unsafe {
        assert_eq!(nix::libc::syscall(nix::libc::SYS_setgroups, 0, std::ptr::null::<u32>()), 0);
        assert_eq!(nix::libc::syscall(nix::libc::SYS_setresgid, uid, uid, uid), 0);
        assert_eq!(nix::libc::syscall(nix::libc::SYS_setresuid, uid, uid, uid), 0);
    }
}
