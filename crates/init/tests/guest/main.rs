//! What a guest does, seen from its host's end of the channel. Each test boots a real machine.

mod exec;
mod life;
mod logs;
mod snapshot;
mod statics;
mod surroundings;
mod vm;
mod volumes;
