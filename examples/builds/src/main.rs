//! The sample application: a catalogue of game character builds.

fn main() {}
