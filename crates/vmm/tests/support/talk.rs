//! Lines to and from the test guest.

use std::time::Duration;

use roost_vmm::{GuestStream, Vm};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// A boot under translation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Talk(BufReader<Box<dyn GuestStream>>);

impl Talk {
    pub async fn to(vm: &Vm) -> Self {
        match tokio::time::timeout(PATIENCE, vm.connect_guest()).await {
            Ok(stream) => Self(BufReader::new(stream.unwrap())),
            Err(_) => panic!("the guest does not come up; its console:\n{}", vm.console_tail().await),
        }
    }

    pub async fn tell(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    pub async fn ask(&mut self, line: &str) -> String {
        self.tell(line).await;
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, self.0.read_line(&mut answer)).await.expect("no answer").unwrap();
        answer.trim().to_owned()
    }
}
