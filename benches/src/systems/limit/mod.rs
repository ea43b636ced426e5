//! Limits: what bare system calls and structures do, without anything that a
//! library must have around them.

pub mod hits;
