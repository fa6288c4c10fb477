//! The command line of the gateway.

use std::io::{self, Write};
use std::process::ExitCode;

use breadbox_gateway::{Gateway, LogFormat, LogLevel, Settings};
use clap::Parser;
use mimalloc::MiMalloc;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;

/// Gives the memory of large bodies back, and spends less time than the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let settings = Settings::parse();
    log_to_stderr(&settings);
    match serve(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            let _ = writeln!(io::stderr(), "breadbox-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let gateway = Gateway::start(settings)?;
    writeln!(io::stdout(), "ready redis-rest=http://{}", gateway.address())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        io::Result::Ok(())
    })?;
    tracing::info!("stopping");
    gateway.stop();
    tracing::info!("stopped");
    Ok(())
}

fn log_to_stderr(settings: &Settings) {
    let level = match settings.log_level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Error => Level::ERROR,
        LogLevel::Info => Level::INFO,
        LogLevel::Off => return,
        LogLevel::Warn => Level::WARN,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.with_ansi(false).init(),
    }
}
