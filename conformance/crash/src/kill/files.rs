//! What a worker does to files, as the operating system tells it, and a kill on the spot.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cutover_core::{Clock as _, SystemClock};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::worker::is_destination;

/// How often the watch looks whether it is wanted still.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A write to the journal or its log.
    Journalled,
    /// A new file.
    Begun,
    /// A file renamed into its place that no application reads.
    Staged,
    /// A file that applications read, replaced.
    Promoted,
    /// A file removed.
    Removed,
}

/// A watch over a folder.
pub(super) struct FileWatch {
    watch: OwnedFd,
    seen: Seen,
    nth: u64,
}

impl FileWatch {
    /// Watches `folder` from now on for the `nth` time that something is `seen`.
    pub(super) fn new(folder: &Path, seen: Seen, nth: u64) -> Result<Self, String> {
        let failed = |error: Errno| format!("{} cannot be watched: {error}", folder.display());
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?;
        let wanted = WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::MOVED_TO | WatchFlags::DELETE;
        inotify::add_watch(&watch, folder, wanted).map_err(failed)?;
        Ok(Self { watch, seen, nth })
    }

    /// Kills the process when it is seen, and says just when. Dropping the future gives the watch up.
    pub(super) async fn kills(self, pid: u32) -> Timestamp {
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let still = Arc::clone(&wanted.0);
        let watched = tokio::task::spawn_blocking(move || {
            let seen = self.is_seen(&still);
            let at = SystemClock.now();
            if seen && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // The process is a child that nobody has waited for yet, so the number is its own.
                let _gone_by_itself = kill_process(pid, Signal::KILL);
            }
            at
        });
        watched.await.unwrap_or_else(|_| SystemClock.now())
    }

    fn is_seen(&self, still: &AtomicBool) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut events = inotify::Reader::new(&self.watch, &mut buffer);
        let mut count = 0;
        while still.load(Ordering::Relaxed) {
            match events.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                    count += u64::from(self.seen.is_it(event.events(), &name));
                    if count == self.nth {
                        return true;
                    }
                }
                Err(Errno::AGAIN) => {
                    let _looks_again = poll(&mut [PollFd::new(&self.watch, PollFlags::IN)], Some(&LOOK));
                }
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

impl Seen {
    fn is_it(self, events: ReadFlags, name: &str) -> bool {
        let journal = name.starts_with("journal.db");
        match self {
            Self::Journalled => journal && events.contains(ReadFlags::MODIFY),
            Self::Begun => !journal && events.contains(ReadFlags::CREATE),
            Self::Staged => events.contains(ReadFlags::MOVED_TO) && !is_destination(name),
            Self::Promoted => events.contains(ReadFlags::MOVED_TO) && is_destination(name),
            Self::Removed => !journal && events.contains(ReadFlags::DELETE),
        }
    }
}

/// Whether anybody waits still.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
