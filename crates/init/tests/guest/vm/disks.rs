//! An image disk and a scratch disk.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use super::Vm;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\n";
const GROUP: &str = "root:x:0:\nweb:x:1000:\nlogs:x:50:web\n";

/// Makes `image` in `folder` from busybox and what a hostile or careless image may hold.
pub fn make_image(folder: &Path) {
    let tree = folder.join("tree");
    for dir in ["bin", "etc", "run/app"] {
        fs::create_dir_all(tree.join(dir)).unwrap();
    }
    fs::copy("/bin/busybox", tree.join("bin/busybox")).expect("apt-get install busybox-static");
    for name in [
        "sh", "cat", "echo", "id", "ls", "sleep", "mount", "stty", "tty", "dd", "head", "true", "ip",
        "umount", "kill", "hostname", "env", "nc", "wc", "mkdir", "date", "grep", "stat", "seq", "free",
        "tail", "chroot",
    ] {
        symlink("busybox", tree.join("bin").join(name)).unwrap();
    }
    fs::write(tree.join("etc/passwd"), PASSWD).unwrap();
    fs::write(tree.join("etc/group"), GROUP).unwrap();
    fs::write(tree.join("not-a-program"), "neither ELF nor script").unwrap();
    fs::set_permissions(tree.join("not-a-program"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../../run/systemd/resolve/stub-resolv.conf", tree.join("etc/resolv.conf")).unwrap();
    run(Command::new("mkfs.erofs").arg(folder.join("image")).arg(&tree), "erofs-utils");
}

/// Makes `scratch` in `folder`: empty, sparse.
pub fn make_scratch(folder: &Path) {
    let path = folder.join("scratch");
    fs::File::create(&path).unwrap().set_len(128 << 20).unwrap();
    run(Command::new("mkfs.ext4").args(["-q", "-F", "-O", "^has_journal"]).arg(&path), "e2fsprogs");
}

/// Makes `volume` in `folder`: a file system of `bytes` on a disk of `disk_bytes`.
pub fn make_volume(folder: &Path, bytes: u64, disk_bytes: u64) {
    let path = folder.join("volume");
    let file = fs::File::create(&path).unwrap();
    file.set_len(bytes).unwrap();
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&path), "e2fsprogs");
    file.set_len(disk_bytes).unwrap();
}

impl Vm {
    /// The scratch disk was unmounted before the machine ended.
    pub fn scratch_is_clean(&self) -> bool {
        let output = Command::new("dumpe2fs").arg("-h").arg(self.path("scratch")).output();
        let output = output.unwrap_or_else(|error| panic!("{error}: apt-get install e2fsprogs"));
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().any(|line| line.starts_with("Filesystem state:") && line.ends_with(" clean"))
    }
}

fn run(command: &mut Command, package: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{error}: apt-get install {package}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
