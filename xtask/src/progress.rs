//! What is being done and how long it took, on standard error.
//!
//! Lines are written to the stream itself: the test framework captures what the print macros
//! write, and a set-up that takes minutes in silence looks hung.

use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs a step that may take long: names it, shows that it goes on, and says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    let (finished, ticks) = mpsc::channel::<()>();
    let label = what.to_owned();
    let terminal = stderr().is_terminal();
    let ticker = thread::spawn(move || tick(&label, began, terminal, &ticks));
    let result = work();
    drop(finished);
    let _ = ticker.join();
    let seconds = began.elapsed().as_secs_f64();
    let erase = if terminal { "\r\x1b[K" } else { "" };
    match &result {
        Ok(_) => line(&format!("{erase}  ok   {what} ({seconds:.1} s)")),
        Err(_) => line(&format!("{erase}  FAIL {what} ({seconds:.1} s)")),
    }
    result
}

/// Writes one line to standard error.
pub fn line(text: &str) {
    let _ = writeln!(stderr().lock(), "{text}");
}

fn tick(what: &str, began: Instant, terminal: bool, finished: &mpsc::Receiver<()>) {
    let pause = if terminal { SPIN } else { REMIND };
    let mut frame = 0;
    while let Err(RecvTimeoutError::Timeout) = finished.recv_timeout(pause) {
        let seconds = began.elapsed().as_secs();
        if terminal {
            frame = (frame + 1) % FRAMES.len();
            let _ = write!(stderr().lock(), "\r\x1b[K  {}    {what} … {seconds} s", FRAMES[frame]);
        } else {
            line(&format!("  ...  {what}: {seconds} s so far"));
        }
    }
}

const SPIN: Duration = Duration::from_millis(120);
const REMIND: Duration = Duration::from_secs(10);
const FRAMES: [char; 4] = ['|', '/', '-', '\\'];
