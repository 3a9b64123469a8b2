//! Everything the hubs of this program have logged, so that stories can say what must not be there.

use std::io::{Result, Write};
use std::sync::{Mutex, Once};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ONCE: Once = Once::new();

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        LINES
            .lock()
            .expect("writing a line does not panic")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Begins to keep what is logged, in more detail than anybody asks for in production.
pub fn listen() {
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter("info,skvoz=trace")
            .with_ansi(false)
            .with_writer(|| Keep)
            .init();
    });
}

/// All lines so far.
pub fn text() -> String {
    let lines = LINES.lock().expect("writing a line does not panic");
    String::from_utf8_lossy(&lines).into_owned()
}
