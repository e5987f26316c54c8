//! Names and limits of the channel that both ends must agree on.

/// Name of the virtio-serial port, where the VMM offers one.
pub const PORT_NAME: &str = "org.roost.guest";

/// Port on which `init` listens for the host where there is no virtio-serial port.
pub const VSOCK_PORT: u32 = 1024;

/// On the kernel's command line of a guest that is to be kept as soon as its channel opens, for machines to start
/// from copies of it.
pub const PRIMED_PARAMETER: &str = "roost.primed";

/// Longest message to a guest. A run configuration carries the machine's injected files.
pub const MAX_TO_GUEST: usize = 8 << 20;

/// Longest message to a host, which must bound what a hostile guest makes it hold.
pub const MAX_TO_HOST: usize = 512 << 10;

/// Most log records a guest sends ahead of the host's acknowledgement. The host makes room for as many,
/// so that slow log disks delay neither exits nor the output of an exec.
pub const LOG_WINDOW: usize = 512;

/// Longest piece of a line in one log record, in bytes; longer lines come in several records.
pub const MAX_LINE: usize = 16 << 10;

/// Credit of an exec in each direction: cost that may be under way and not yet consumed.
pub const EXEC_WINDOW: usize = 256 << 10;

/// Connections of one guest to the api's socket at a time: a few programs that ask for tokens.
pub const MAX_API_STREAMS: usize = 16;

/// Most data in one chunk of an exec's input or output, in bytes.
pub const EXEC_CHUNK: usize = 16 << 10;

/// What a chunk costs beside its bytes, so that the credit also bounds the number of tiny chunks.
pub const CHUNK_OVERHEAD: usize = 64;

/// Most entries in an answer to `ListListeners` or `ListProcesses`.
pub const MAX_LISTED: usize = 512;

/// Cost of a chunk of `len` bytes against [`EXEC_WINDOW`].
pub const fn chunk_cost(len: usize) -> usize {
    len + CHUNK_OVERHEAD
}
