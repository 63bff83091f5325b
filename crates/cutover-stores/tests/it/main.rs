//! The stores against the contracts of the engine, on a real disk.

mod key_file;
