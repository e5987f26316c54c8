//! The binary in the initramfs; everything is in the library, where tests reach it.

fn main() {
    if std::process::id() != 1 {
        eprintln!("roost-init is PID 1 of a guest; it does nothing elsewhere");
        std::process::exit(1);
    }
    roost_init::run()
}
