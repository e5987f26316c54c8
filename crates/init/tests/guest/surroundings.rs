//! What a process finds around it.

use base64::{Engine, prelude::BASE64_STANDARD};
use roost_guest_api::{GuestFile, Listener};

use crate::vm::{Vm, shell};

const LOOK: &str = "
id -u; id -G
echo $HOME $HOSTNAME $(hostname)
cat /etc/hosts /etc/resolv.conf
ip addr; ip route; ip -6 route
grep Cap /proc/self/status
for dir in /proc /sys /dev /dev/pts /dev/shm /run /sys/fs/cgroup; do
  grep -q \" $dir \" /proc/mounts && echo mounted $dir
done
stat -c '%a %n' /tmp
ls /run
ls /
cat /etc/injected
grep Swap: /proc/meminfo; grep SwapTotal /proc/meminfo
echo x > /dev/stdout
for device in null zero full random urandom tty ptmx; do stat -L -c '%a %n' /dev/$device; done
echo again >> /etc/hosts || echo read-only
mount -t tmpfs none /srv 2>/dev/null || echo may not mount
nc -l 127.0.0.1 -p 8080 &
sleep 1000";

#[tokio::test]
async fn a_process_finds_what_docker_would_give_it_and_its_own_network() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    let mut config = shell(LOOK);
    config.processes[0].user = "web".into();
    config.swap_mib = 16;
    let content = BASE64_STANDARD.encode("secret\n");
    config.files = vec![
        GuestFile { path: "/etc/injected".into(), mode: 0o644, content: content.clone() },
        GuestFile { path: "/deep/er/file".into(), mode: 0o600, content },
    ];
    guest.start(config).await;
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "may not mount") {
        lines.push(guest.line().await);
    }
    let text = lines.join("\n");
    for expected in [
        "1000\n1000 50\n/home/web box box\n",
        "fdaa:0:1:2:3:4:5:2\tbox.vm.app.internal box",
        "nameserver fdaa::3\nsearch internal\noptions ndots:1\n",
        "inet 10.0.2.15/32",
        "inet6 fdaa:0:1:2:3:4:5:2/112",
        "default via 10.0.2.2 dev eth0",
        "default via fe80::1 dev eth0",
        "mtu 1400",
        // Docker's default set as the bound, nothing for one who is not root.
        "CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb",
        "mounted /proc\nmounted /sys\nmounted /dev\nmounted /dev/pts\nmounted /dev/shm\nmounted /run\n\
         mounted /sys/fs/cgroup",
        "1777 /tmp",
        "\nsecret\n",
        "SwapTotal:         163",
        "\nx\n",
        "666 /dev/null\n666 /dev/zero\n666 /dev/full\n666 /dev/random\n666 /dev/urandom\n666 /dev/tty\n666 /dev/ptmx",
        "read-only",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
    // The image's own folder shows through.
    assert!(lines.iter().any(|line| line == "app"));

    let expected = Listener {
        protocol: "tcp".into(),
        address: "127.0.0.1".into(),
        port: 8080,
        pid: 0,
        command: "nc".into(),
    };
    let give_up = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let listeners = guest.client.listeners().await.unwrap();
        if listeners.iter().any(|found| Listener { pid: 0, ..found.clone() } == expected && found.pid > 1) {
            break;
        }
        assert!(tokio::time::Instant::now() < give_up, "nc does not listen: {listeners:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let processes = guest.client.processes().await.unwrap();
    assert!(processes.iter().any(|process| process.command == "sleep 1000"), "{processes:?}");
}
