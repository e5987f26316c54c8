//! The terminal that a command was started from.

use std::{io::stdin, os::fd::AsRawFd as _};

use nix::sys::termios::{self, SetArg, Termios};
use roost_guest_api::TerminalSize;

/// The terminal passes every key on as it is; dropped, it is as it was before.
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    pub fn enter() -> nix::Result<Self> {
        let before = termios::tcgetattr(stdin())?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(stdin(), SetArg::TCSANOW, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that went away.
        let _ = termios::tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}

nix::ioctl_read_bad!(
    /// tty_ioctl(4): window size.
    window_size,
    nix::libc::TIOCGWINSZ,
    nix::libc::winsize
);

/// Rows and columns of the terminal; 24 by 80 when it does not say.
pub fn size() -> TerminalSize {
    let mut size = nix::libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointer is to a winsize that outlives the call.
    let known = unsafe { window_size(stdin().as_raw_fd(), &raw mut size) }.is_ok();
    if known && size.ws_row > 0 && size.ws_col > 0 {
        TerminalSize { rows: size.ws_row, cols: size.ws_col }
    } else {
        TerminalSize { rows: 24, cols: 80 }
    }
}
