//! Fault harnesses: the built binary is killed, loses power, runs out of disk, gets copies and
//! garbage, and must neither lose nor double anything it has acknowledged.
//!
//! Black box: the hub is started as a process and spoken to over HTTP. `settings` names what can be
//! set from outside (cycles, copies, seed); every story prints its seed. The shim that plays the
//! broken disk has stories of its own in `shim_itself`.

mod api;
mod corpus;
mod duplicates;
mod hub;
mod kill;
mod ledger;
mod malformed;
mod settings;

#[cfg(target_os = "linux")]
mod disk_full;
#[cfg(target_os = "linux")]
mod io_error;
#[cfg(target_os = "linux")]
mod power_loss;
#[cfg(target_os = "linux")]
mod shim;
#[cfg(target_os = "linux")]
mod shim_child;
#[cfg(target_os = "linux")]
mod shim_itself;
