//! The wish to stop, as all loops hear it.

use tokio::sync::watch;

/// Asks everything to stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Hears when to stop; cheap to clone.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stopper {
    #[allow(clippy::new_without_default)] // It is made once, by name.
    pub fn new() -> Stopper {
        Stopper(watch::Sender::new(false))
    }

    pub fn listener(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when a stop was asked for, or nobody is left who could ask.
    pub async fn asked(&self) {
        let mut receiver = self.0.clone();
        let _ = receiver.wait_for(|asked| *asked).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_heard_by_those_who_came_before_and_after() {
        let stopper = Stopper::new();
        let before = stopper.listener();
        assert!(!before.is_asked());
        stopper.stop();
        before.asked().await;
        stopper.listener().asked().await;
        assert!(before.is_asked());
    }
}
