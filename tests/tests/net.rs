//! TCP sockets and name resolution.

mod every_runtime;

#[path = "net/accepting.rs"]
mod accepting;
#[path = "net/addresses.rs"]
mod addresses;
#[path = "net/connecting.rs"]
mod connecting;
#[path = "net/dialects.rs"]
mod dialects;
#[cfg(target_os = "linux")]
#[path = "net/error_queue.rs"]
mod error_queue;
#[path = "net/exhaustion.rs"]
mod exhaustion;
#[path = "net/halves.rs"]
mod halves;
#[path = "net/options.rs"]
mod options;
#[path = "net/pair.rs"]
mod pair;
#[path = "net/shutdown.rs"]
mod shutdown;
#[path = "net/std_types.rs"]
mod std_types;
#[path = "net/transfer.rs"]
mod transfer;
#[path = "net/volume.rs"]
mod volume;
