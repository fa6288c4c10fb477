//! The system's package manager, where it may be used without a question.

use anyhow::{Result, bail};

use crate::places::{dev, on_path};
use crate::process::Program;
use crate::progress::step;

struct Manager {
    program: &'static str,
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    needs_root: bool,
}

/// Installs the first of several packages that the system's package manager knows.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" or ");
    let Some((manager, path)) =
        MANAGERS.iter().find_map(|manager| Some((manager, on_path(manager.program)?)))
    else {
        bail!("no known package manager; install {wanted} yourself");
    };
    if manager.needs_root && !rustix::process::geteuid().is_root() {
        bail!("only root may run {}; install {wanted} yourself", manager.program);
    }
    let run = |arguments: &[&str], package: Option<&str>| {
        let program = Program::new("packages", &path).args(arguments.iter().copied());
        let program = program.args(package).env("DEBIAN_FRONTEND", "noninteractive");
        program.run(&dev())
    };
    step(&format!("{} installs {wanted}", manager.program), || {
        if !manager.refresh.is_empty() {
            run(manager.refresh, None)?;
        }
        let mut failures = String::new();
        for package in packages {
            match run(manager.install, Some(package)) {
                Ok(_) => return Ok(()),
                Err(error) => failures = format!("{failures}\n{error:#}"),
            }
        }
        bail!("{} could not install {wanted}: {failures}", manager.program)
    })
}

const MANAGERS: &[Manager] = &[
    Manager {
        program: "apt-get",
        refresh: &["update", "-q"],
        install: &["install", "-qy", "--no-install-recommends"],
        needs_root: true,
    },
    Manager { program: "apk", refresh: &[], install: &["add"], needs_root: true },
    Manager { program: "dnf", refresh: &[], install: &["install", "-y"], needs_root: true },
    Manager { program: "pacman", refresh: &[], install: &["-Sy", "--noconfirm"], needs_root: true },
    Manager { program: "brew", refresh: &[], install: &["install"], needs_root: false },
];
