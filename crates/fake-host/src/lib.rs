//! fake-host
