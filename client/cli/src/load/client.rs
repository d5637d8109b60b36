//! One client process: attaches, looks up on one or many threads, says what it did and what it costs.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use persondb_client::{Client, ClientBuilder, ClientError, Via};
use persondb_protocol::DatasetName;
use persondb_protocol::name::NameError;

use super::job::{Job, LookJob, Order, Place, Ran, Route, Said, Tally, Usage};
use super::keys::KeyReader;
use super::latency::Latencies;
use super::looker::Looker;
use super::{interrupt, live, memory};

/// Stack of a thread that looks up over a connection of its own: there may be hundreds.
const STACK_SIZE: usize = 512 << 10;

/// Why a client process cannot do its job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// The parent said something else.
    #[error("the job cannot be read: {0}; this argument is for persondb's own use")]
    Job(#[from] serde_json::Error),
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No dataset.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no data to look up in.
    #[error("nobody can be looked up ({0}); start the daemon, or see `persondb status`")]
    Unavailable(#[from] persondb_protocol::answer::Unavailable),
    /// Files, `/proc`, threads, or the parent's pipe.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The parent has gone.
    #[error("the load test ended before its client")]
    Orphaned,
}

/// The whole life of a client process.
pub(crate) fn main() -> ExitCode {
    let outcome = match interrupt::leave_to_parent().map_err(JobError::from).and_then(|()| job()) {
        Ok(Job::Look(job)) => look(&job),
        Ok(Job::Keys(job)) => live::write_keys(&job),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent may have gone; then nobody needs to know.
            let _ = say(&Said::Failed(error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// The first line of standard input, which is not held on to: the orders come there too.
fn job() -> Result<Job, JobError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// One line to the parent.
pub(crate) fn say(said: &Said) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, said)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A client for this place.
pub(crate) fn open(place: &Place) -> Result<Client, JobError> {
    Ok(builder(place)?.open()?)
}

/// The settings of a client, or of a control connection, for this place.
pub(crate) fn builder(place: &Place) -> Result<ClientBuilder, NameError> {
    let mut builder = ClientBuilder::new().name(DatasetName::new(&place.name)?).program("persondb load");
    if let Some(socket) = &place.socket {
        builder = builder.socket(socket);
    }
    if let Some(owner) = place.owner {
        builder = builder.owner(owner);
    }
    Ok(builder.via(match place.via {
        Route::Auto => Via::Auto,
        Route::Map => Via::Map,
        Route::Socket => Via::Socket,
    }))
}

fn look(job: &LookJob) -> Result<(), JobError> {
    let dataset = DatasetName::new(&job.place.name)?;
    let stop = Arc::new(AtomicBool::new(false));
    let orders = listen(Arc::clone(&stop));
    let client = open(&job.place)?;
    // Attached, and the first generation is there, before anything is measured.
    drop(client.pin()?);
    let start = job.blocks * u64::from(job.client) / u64::from(job.clients.max(1));
    let file = File::open(&job.keys)?;

    let mut measured = None;
    let ran = if job.connections > 1 {
        say(&Said::Ready(memory::of_this(&dataset)?))?;
        wait_for(&orders, Order::Go)?;
        many(job, &file, start, &stop)?
    } else {
        let keys = KeyReader::new(file, job.blocks, start)?;
        say(&Said::Ready(memory::of_this(&dataset)?))?;
        wait_for(&orders, Order::Go)?;
        let mut looker = Looker::new(job, client.clone(), keys, 0);
        let begin = Instant::now();
        // Looking takes milliseconds, which an open loop would take for a stall of the look-ups.
        looker.run(&stop, &mut || {
            if job.rate.is_none() {
                measured = memory::of_this(&dataset).ok();
            }
        })?;
        ran(begin, looker.tally, &looker.latencies, measured)
    };
    say(&Said::Ran(Box::new(ran)))?;

    wait_for(&orders, Order::Measure)?;
    let generation = client.pin().ok().and_then(|pin| pin.generation()).map(|generation| generation.0);
    say(&Said::Measured { usage: memory::of_this(&dataset)?, generation })?;
    wait_for(&orders, Order::End)
}

/// Looks up on as many threads as there are connections, each with a client of its own.
fn many(job: &LookJob, file: &File, start: u64, stop: &AtomicBool) -> Result<Ran, JobError> {
    let lookers = (0..job.connections)
        .map(|thread| {
            let keys = KeyReader::new(file.try_clone()?, job.blocks, start + u64::from(thread))?;
            let client = open(&job.place)?;
            drop(client.pin()?);
            Ok(Looker::new(job, client, keys, thread))
        })
        .collect::<Result<Vec<_>, JobError>>()?;
    let begin = Instant::now();
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = lookers
            .into_iter()
            .map(|mut looker| {
                std::thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, move || {
                    looker.run(stop, &mut || ())?;
                    Ok::<_, io::Error>((looker.tally, looker.latencies))
                })
            })
            .collect::<Result<_, io::Error>>()?;
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))))
            .collect::<Result<Vec<_>, io::Error>>()
    })?;
    let mut tally = Tally::default();
    let mut latencies = Latencies::new();
    for (one, times) in done {
        tally.add(&one);
        latencies.add(&times.buckets());
    }
    Ok(ran(begin, tally, &latencies, None))
}

fn ran(begin: Instant, tally: Tally, latencies: &Latencies, after_100k: Option<Usage>) -> Ran {
    Ran { seconds: begin.elapsed().as_secs_f64(), tally, latencies: latencies.buckets(), after_100k }
}

/// Hears the parent's orders on a thread of its own, so that `Stop` arrives while look-ups go on. When
/// the parent has gone, so does this process.
fn listen(stop: Arc<AtomicBool>) -> Receiver<Order> {
    let (sender, orders): (Sender<Order>, _) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            match line.ok().and_then(|line| serde_json::from_str(&line).ok()) {
                Some(Order::Stop) => stop.store(true, Ordering::Relaxed),
                Some(order) => {
                    if sender.send(order).is_err() {
                        return;
                    }
                }
                None => break,
            }
        }
        std::process::exit(0);
    });
    orders
}

fn wait_for(orders: &Receiver<Order>, expected: Order) -> Result<(), JobError> {
    loop {
        match orders.recv() {
            Ok(order) if order == expected => return Ok(()),
            // The parent gives up on everybody.
            Ok(Order::End) | Err(_) => return Err(JobError::Orphaned),
            Ok(_) => {}
        }
    }
}

/// The path by which another process of the same user opens a file that has no name.
pub(crate) fn path_of(file: &File) -> std::path::PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/proc").join(std::process::id().to_string()).join("fd").join(file.as_raw_fd().to_string())
}
