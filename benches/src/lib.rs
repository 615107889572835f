//! filch beside its peers on the same work.
//!
//! Every workload is written once, generically over [`Runtime`](runtimes::Runtime), and runs unchanged on filch, on
//! tokio and on smol; where the operating system or a bare loop sets a floor, a plain
//! version of the same work measures it. Two programs use them: the `compare` binary, which
//! interleaves the runtimes round by round and judges the ratios against [`targets`], and the
//! criterion benches, for looking closely at one workload.
//!
//! # Vocabulary
//!
//! - A **workload** is one kind of work and the units it is counted in.
//! - A **contender** is what runs it: filch, a peer, or the floor.
//! - A **pass** is one execution of the work; a **sample** is the median of a few passes on a
//!   fresh runtime; a **round** is one sample of every contender, one right after the other.
//! - A **ratio** is filch over a peer within one round; what is reported is the median of the
//!   rounds' ratios, so that a slow minute of the machine weighs on both sides.
//!
//! # What keeps it fair
//!
//! The same futures, channels (`tokio::sync`, which needs no runtime), buffers and clients for
//! all; every runtime is used through the calls its own documentation recommends, at default
//! settings apart from the number of workers; work is timed inside a task, never in the
//! thread that waits for it, unless the workload is about the outside.

#![deny(unsafe_code)]

pub mod clients;
pub mod compare;
pub mod distance;
pub mod errand;
pub mod measure;
pub mod memory;
pub mod report;
pub mod runtimes;
pub mod system;
pub mod targets;
pub mod workloads;
