//! What processes have spent, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// The processor time that a process group has spent so far.
///
/// Threads that have ended are missing from it; the servers measured here keep theirs.
pub fn spent(group: u32) -> Duration {
    let nanos = members(group).into_iter().flat_map(|process| {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        tasks.filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        })
    });
    Duration::from_nanos(nanos.sum())
}

/// The processes of a group: the third field after the parenthesised name is the group's id.
fn members(group: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|process| {
            let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let fields = text.rsplit_once(") ").map_or("", |(_, fields)| fields);
            fields.split(' ').nth(2).and_then(|id| id.parse::<u32>().ok()) == Some(group)
        })
        .collect()
}
