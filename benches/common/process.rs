//! What a process has used, from Linux's `/proc`.

use std::time::Duration;

/// Processor time of a process and its threads so far; the system counts in hundredths of a second.
pub fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .expect("the process is running and /proc is mounted");
    // The name in brackets may hold spaces; what follows it is numbers.
    let (_, numbers) = stat.rsplit_once(')').expect("a stat line has a name");
    let ticks: u64 = numbers
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|text| text.parse::<u64>().expect("times are numbers"))
        .sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Resident memory, MiB.
pub fn resident_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .expect("the process is running and /proc is mounted");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("a process has memory");
    let kib: f64 = line
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok())
        .expect("memory is a number");
    kib / 1024.0
}
