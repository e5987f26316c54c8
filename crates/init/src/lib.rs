//! PID 1 of every guest.
