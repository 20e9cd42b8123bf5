//! The journal against real files: cut, flipped, failing, killed, aged, tailed.

mod cuts;
mod faults;
mod flips;
mod group;
mod kill;
mod locks;
mod power;
mod resealed;
mod rotation;
mod sample;
mod tail;
