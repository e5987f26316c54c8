//! QEMU's monitor (QMP), as far as a snapshot needs it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::Vm;

pub struct Monitor {
    lines: Lines<BufReader<OwnedReadHalf>>,
    commands: OwnedWriteHalf,
}

impl Vm {
    pub async fn monitor(&self) -> Monitor {
        let stream = UnixStream::connect(self.path("qmp.sock")).await.unwrap();
        let (answers, commands) = stream.into_split();
        let mut monitor = Monitor { lines: BufReader::new(answers).lines(), commands };
        monitor.lines.next_line().await.unwrap();
        monitor.ask("qmp_capabilities", json!({})).await;
        monitor
    }

    /// Saves the whole machine into a file of its folder and ends its QEMU.
    pub async fn save(&self) {
        let mut monitor = self.monitor().await;
        monitor.ask("stop", json!({})).await;
        let to = format!("exec:cat > {}", self.path("snapshot").display());
        monitor.ask("migrate", json!({"uri": to})).await;
        loop {
            match monitor.ask("query-migrate", json!({})).await["status"].as_str() {
                Some("completed") => break,
                Some("failed") => panic!("the snapshot failed"),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        monitor.ask("quit", json!({})).await;
    }
}

impl Monitor {
    /// Lets a restored machine run, once all of it is there.
    pub async fn go_on(&mut self) {
        while self.ask("query-status", json!({})).await["status"] == "inmigrate" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.ask("cont", json!({})).await;
    }

    pub async fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let line = json!({"execute": command, "arguments": arguments}).to_string();
        self.commands.write_all(line.as_bytes()).await.unwrap();
        loop {
            let line = self.lines.next_line().await.unwrap().expect("QEMU closed its monitor");
            let answer: Value = serde_json::from_str(&line).unwrap();
            assert!(answer.get("error").is_none(), "{command}: {answer}");
            if let Some(result) = answer.get("return") {
                return result.clone();
            }
        }
    }
}
