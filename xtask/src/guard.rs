//! Ends the process groups of a parent that died without saying goodbye.
//!
//! `Drop` ends every server, but not when the parent is killed, aborted, or interrupted from the
//! terminal while a test runs. One small shell per parent holds a pipe from it: when the pipe
//! closes, whatever groups are still listed are ended.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// Lists a process group: it is ended if this process dies.
pub fn watch(group: u32) {
    tell('+', group);
}

/// Takes a process group off the list, because it has ended.
pub fn forget(group: u32) {
    tell('-', group);
}

fn tell(verb: char, group: u32) {
    static PIPE: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();
    let pipe = PIPE.get_or_init(|| Mutex::new(start()));
    if let Ok(mut pipe) = pipe.lock()
        && let Some(pipe) = pipe.as_mut()
    {
        let _ = writeln!(pipe, "{verb} {group}");
    }
}

fn start() -> Option<ChildStdin> {
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null());
    let child = command.stderr(Stdio::null()).process_group(0).spawn();
    child.ok().and_then(|child| child.stdin)
}

const SCRIPT: &str = r#"
trap '' INT TERM HUP
groups=" "
while read -r verb group; do
  case $verb in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -TERM "-$group" 2>/dev/null; done
tries=0
while [ $tries -lt 30 ]; do
  alive=
  for group in $groups; do kill -0 "-$group" 2>/dev/null && alive=yes; done
  [ -z "$alive" ] && exit 0
  sleep 0.1
  tries=$((tries + 1))
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
"#;
