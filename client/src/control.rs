//! [`Control`]: an operator's commands to the daemon, one blocking call each.

use std::time::Duration;

use persondb_protocol::Generation;
use persondb_protocol::control::{Reply, Request, RollUntil, Rolled, Welcome};
use persondb_protocol::status::{ClientInfo, GenerationInfo, Status};

use crate::builder::Settings;
use crate::connection::{Connection, Deadline, unexpected};

pub use crate::connection::ControlError;

/// Waits a little longer than the daemon, so that the answer is the daemon's own word, which says what
/// is missing.
const GRACE: Duration = Duration::from_secs(5);

/// How long [`Control::rollback`] waits: longer than any cycle that the daemon may be in.
const ROLLBACK_TIMEOUT: Duration = Duration::from_hours(1);

/// A connection for commands. After an error other than [`ControlError::Refused`] make a new one.
///
/// ```no_run
/// use persondb_client::ClientBuilder;
///
/// let mut control = ClientBuilder::from_env()?.control()?;
/// let status = control.status()?;
/// println!("{} people, generation {:?}", status.people, status.generation);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Control {
    connection: Connection,
    timeout: Duration,
}

/// One announcement that a subscriber heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Current from now on.
    pub generation: Generation,
    /// Number of the announcement.
    pub announcement: u64,
}

impl Control {
    pub(crate) fn connect(settings: &Settings) -> Result<Self, ControlError> {
        Ok(Self { connection: Connection::open(settings)?, timeout: settings.request_timeout })
    }

    /// Who the daemon is.
    #[must_use]
    pub fn daemon(&self) -> &Welcome {
        self.connection.welcome()
    }

    /// State of the daemon and of what it serves.
    ///
    /// # Errors
    /// [`ControlError`], like all calls here.
    pub fn status(&mut self) -> Result<Status, ControlError> {
        match self.ask(Request::Status)? {
            Reply::Status(status) => Ok(*status),
            other => Err(unexpected(&other)),
        }
    }

    /// Current, retained and held-alive generations, newest first.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn generations(&mut self) -> Result<Vec<GenerationInfo>, ControlError> {
        match self.ask(Request::Generations)? {
            Reply::Generations(generations) => Ok(generations),
            other => Err(unexpected(&other)),
        }
    }

    /// Who is connected.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn clients(&mut self) -> Result<Vec<ClientInfo>, ControlError> {
        match self.ask(Request::Clients)? {
            Reply::Clients(clients) => Ok(clients),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the daemon run a cycle, and waits for its end.
    ///
    /// # Errors
    /// [`ControlError::Refused`] when the cycle failed, is held, is not allowed, or did not end in time
    /// (then it goes on).
    pub fn roll(&mut self, until: RollUntil, timeout: Duration) -> Result<Rolled, ControlError> {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let request = Request::Roll { until, timeout_ms };
        rolled(self.connection.ask(request, timeout.saturating_add(GRACE))?)
    }

    /// Has the daemon announce an older retained generation; the newest one that is not current when
    /// `to` is `None`. Waits for its turn for an hour at most: the daemon does it after the cycle it is in.
    ///
    /// # Errors
    /// As [`rollback_within`](Self::rollback_within).
    pub fn rollback(&mut self, to: Option<Generation>) -> Result<Rolled, ControlError> {
        self.rollback_within(to, ROLLBACK_TIMEOUT)
    }

    /// The same, waited for this long.
    ///
    /// # Errors
    /// [`ControlError::Refused`] when there is none, or it is held or not allowed.
    /// [`ControlError::TimedOut`] when it is not done yet. It is *not* called off: the daemon still does
    /// it when its cycle ends. Asking again would roll back a second time; look at the status instead.
    pub fn rollback_within(
        &mut self,
        to: Option<Generation>,
        timeout: Duration,
    ) -> Result<Rolled, ControlError> {
        rolled(self.connection.ask(Request::Rollback { to }, timeout)?)
    }

    /// Freezes announcements.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn hold(&mut self) -> Result<(), ControlError> {
        done(&self.ask(Request::Hold)?)
    }

    /// Allows announcements again.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn release(&mut self) -> Result<(), ControlError> {
        done(&self.ask(Request::Release)?)
    }

    /// Listens to announcements from now on; the iterator ends with the first error.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn subscribe(mut self) -> Result<Subscription, ControlError> {
        done(&self.ask(Request::Subscribe)?)?;
        Ok(Subscription { connection: Some(self.connection) })
    }

    fn ask(&mut self, request: Request) -> Result<Reply, ControlError> {
        self.connection.ask(request, self.timeout)
    }
}

/// Announcements as they come, without an end.
#[derive(Debug)]
pub struct Subscription {
    connection: Option<Connection>,
}

impl Subscription {
    /// The next announcement, waited for this long at most. After a time-out it can be asked again.
    ///
    /// # Errors
    /// [`ControlError::TimedOut`]; all others end the subscription.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Announced, ControlError> {
        self.receive(&Deadline::after(timeout))
    }

    fn receive(&mut self, deadline: &Deadline) -> Result<Announced, ControlError> {
        let ended = || ControlError::Broken("the subscription ended with an earlier error".into());
        let connection = self.connection.as_mut().ok_or_else(ended)?;
        let error = loop {
            match connection.next_frame(deadline) {
                Ok(frame) => {
                    if let Reply::Announced { generation, announcement } = frame.reply {
                        return Ok(Announced { generation, announcement });
                    }
                }
                Err(error) => break error,
            }
        };
        if !matches!(error, ControlError::TimedOut(_)) {
            self.connection = None;
        }
        Err(error)
    }
}

impl Iterator for Subscription {
    type Item = Result<Announced, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.connection.as_ref()?;
        Some(self.receive(&Deadline::never()))
    }
}

fn rolled(reply: Reply) -> Result<Rolled, ControlError> {
    match reply {
        Reply::Rolled(rolled) => Ok(rolled),
        other => Err(unexpected(&other)),
    }
}

fn done(reply: &Reply) -> Result<(), ControlError> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(other)),
    }
}
