//! Signals, second daemons, kills, and too little memory.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use persondb_daemon::retention::{CleanupError, cleanup_in};
use persondb_protocol::Generation;
use persondb_protocol::control::{RefusalKind, Request, RollUntil};
use support::{Daemon, Dataset, PATIENCE, wait};

#[test]
fn signals_roll_and_roll_back_and_a_stop_leaves_what_is_served() {
    let dataset = Dataset::new();
    let mut daemon = dataset.start(&[]);
    dataset.write_people(10, "b");
    daemon.signal(Signal::SIGHUP);
    daemon.until("SIGHUP rolls", |s| s.generation == Some(Generation(2)) && !s.cycle_running);
    daemon.signal(Signal::SIGUSR1);
    daemon.until("SIGUSR1 rolls back", |s| s.generation == Some(Generation(1)));
    daemon.signal(Signal::SIGUSR2);
    daemon.signal(Signal::SIGINT);
    assert!(daemon.wait().success());
    dataset.wait_for("STOPPING=1");
    assert_eq!(dataset.objects(), ["", ".g1", ".g2"]);
    assert!(!dataset.folder.path().join("socket").exists());
}

#[test]
fn signals_during_a_cycle_are_followed_by_exactly_one_more() {
    let dataset = Dataset::new();
    dataset.write_people(60_000, "a");
    let daemon = dataset.start(&["--retain", "9"]);
    daemon.signal(Signal::SIGHUP);
    daemon.until("the cycle runs", |s| s.cycle_running);
    for _ in 0..20 {
        daemon.signal(Signal::SIGHUP);
        std::thread::sleep(Duration::from_millis(2));
    }
    daemon.until("two cycles", |s| s.generation == Some(Generation(3)) && !s.cycle_running);
    std::thread::sleep(Duration::from_millis(500));
    let status = daemon.status();
    assert_eq!((status.generation, status.cycle_running), (Some(Generation(3)), false));
}

#[test]
fn a_daemon_killed_in_the_middle_leaves_nothing_after_the_next_start() {
    let dataset = Dataset::new();
    dataset.write_people(60_000, "a");
    let mut daemon = dataset.start(&[]);
    for round in 0..3 {
        daemon.signal(Signal::SIGHUP);
        let started = Instant::now();
        while !dataset.objects().iter().any(|name| name.starts_with(".stage-")) {
            assert!(started.elapsed() < PATIENCE, "no build in round {round}");
        }
        daemon.child.kill().unwrap();
        daemon.wait();
        daemon = dataset.start(&[]);
        assert!(daemon.status().adopted, "round {round}");
        assert_eq!(dataset.objects(), ["", ".g1"], "round {round}");
    }
    let rolled = daemon.client().roll().unwrap();
    assert_eq!(rolled.generation, Generation(5), "numbers of killed cycles are not used again");
}

#[test]
fn a_build_killed_as_for_memory_is_a_failed_cycle_in_words() {
    let dataset = Dataset::new();
    dataset.write_people(60_000, "a");
    let daemon = dataset.start(&[]);
    daemon.signal(Signal::SIGHUP);
    let started = Instant::now();
    let child = loop {
        let children = format!("/proc/{0}/task/{0}/children", daemon.pid());
        let text = std::fs::read_to_string(children).unwrap();
        if let Some(pid) = text.split_whitespace().next() {
            break pid.parse::<i32>().unwrap();
        }
        assert!(started.elapsed() < PATIENCE, "no build");
    };
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), Signal::SIGKILL);
    let status = daemon.until("the cycle ended", |s| {
        !s.cycle_running && s.last_cycle.as_ref().is_some_and(|c| c.result == "failed")
    });
    assert!(status.last_cycle.unwrap().reason.unwrap().contains("memory ran out"));
    assert_eq!(status.generation, Some(Generation(1)));
    assert_eq!(dataset.objects(), ["", ".g1"]);
}

#[test]
fn a_stop_during_a_cycle_ends_it_and_tells_who_waited() {
    let dataset = Dataset::new();
    dataset.write_people(60_000, "a");
    let mut daemon = dataset.start(&[]);
    let mut client = daemon.client();
    let id = client.send(Request::Roll { until: RollUntil::Announced, timeout_ms: 60_000 });
    daemon.until("the cycle runs", |s| s.cycle_running);
    daemon.signal(Signal::SIGTERM);
    let frame = client.receive().unwrap();
    assert_eq!(frame.id, id);
    assert!(
        matches!(frame.reply, persondb_protocol::control::Reply::Refused(r) if r.kind == RefusalKind::Stopping)
    );
    assert!(daemon.wait().success());
    assert_eq!(dataset.objects(), ["", ".g1"]);
}

#[test]
fn a_second_daemon_of_one_name_is_refused_and_told_the_holder() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let output = dataset.command(&[]).output().unwrap();
    assert!(!output.status.success());
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains(&format!("process {}", daemon.pid())), "{log}");
    // A state folder and even a socket of its own make no difference.
    let (other, people) = (dataset.folder.path().join("other"), dataset.people());
    for socket in ["socket", "other.sock"].map(|name| dataset.folder.path().join(name)) {
        let output = Command::new(env!("CARGO_BIN_EXE_persondbd"))
            .args(["--name", dataset.name.as_str(), "--people", people.to_str().unwrap()])
            .args(["--socket", socket.to_str().unwrap(), "--state-dir", other.to_str().unwrap()])
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && log.contains(&format!("process {}", daemon.pid())), "{log}");
    }
    assert_eq!(daemon.status().generation, Some(Generation(1)), "the first is unharmed");
}

#[test]
fn too_little_shared_memory_is_a_clear_refusal() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: a small /dev/shm needs root");
    }
    let dataset = Dataset::new();
    dataset.write_people(60_000, "a");
    let script = "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec \"$0\" \"$@\"";
    let daemon = dataset.command(&[]);
    let output = Command::new("unshare")
        .args(["--mount", "--ipc", "sh", "-c", script])
        .arg(daemon.get_program())
        .args(daemon.get_args())
        .output();
    let Ok(output) = output else { return println!("skipped: no unshare") };
    let log = String::from_utf8_lossy(&output.stderr);
    if log.contains("unshare:") || log.contains("mount:") {
        return println!("skipped: namespaces are not allowed here");
    }
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("/dev/shm has") && log.contains("enlarge it"), "{log}");
}

#[test]
fn too_little_by_configuration_is_a_clear_refusal_and_the_old_data_stays() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&["--memory-max", "4M"]);
    dataset.write_people(200_000, "b");
    let refusal = daemon.client().roll().unwrap_err();
    assert!(refusal.message.contains("memory_max"), "{}", refusal.message);
    assert_eq!(daemon.status().generation, Some(Generation(1)));
}

#[test]
fn a_socket_handed_over_by_the_service_manager_is_used_listened_on_again_and_left_in_place() {
    let dataset = Dataset::new();
    let path = dataset.folder.path().join("activated");
    // This process is the manager: it binds and listens, and a shell makes descriptor 3 of it.
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let daemon = dataset.command(&[]);
    let script =
        "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=control exec \"$0\" \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(daemon.get_program())
        .args(daemon.get_args())
        .envs(daemon.get_envs().filter_map(|(key, value)| value.map(|value| (key, value))))
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
        .spawn()
        .unwrap();
    dataset.wait_for("READY=1");
    let mut client = support::Client::connect(&path).unwrap();
    assert_eq!(client.status().generation, Some(Generation(1)));
    let peer = getsockopt(&client.socket(), PeerCredentials).unwrap();
    assert_eq!(peer.pid(), i32::try_from(child.id()).unwrap(), "clients see who called listen() last");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(peer.pid()), Signal::SIGTERM).unwrap();
    assert!(wait(&mut child).success());
    assert!(path.exists(), "the manager's socket is not the daemon's to remove");
}

#[test]
fn a_service_manager_that_does_not_read_stops_nothing() {
    let dataset = Dataset::new();
    let deaf = std::os::unix::net::UnixDatagram::bind(dataset.folder.path().join("deaf")).unwrap();
    let child =
        dataset.command(&[]).env("NOTIFY_SOCKET", dataset.folder.path().join("deaf")).spawn().unwrap();
    let daemon = support::Daemon::over(child, &dataset);
    daemon.until("the first generation", |s| s.generation.is_some());
    let mut client = daemon.client();
    for generation in 2..30 {
        assert_eq!(client.roll().unwrap().generation, Generation(generation));
    }
    daemon.stop();
    drop(deaf);
}

#[test]
fn a_clean_up_is_refused_while_a_daemon_runs_then_removes_all_and_keeps_the_numbering() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&[]);
    let state = dataset.folder.path().join("state");
    assert!(matches!(cleanup_in(&dataset.name, &state), Err(CleanupError::Locked(_))));
    // With another state folder, the heartbeat tells.
    let other = dataset.folder.path().join("other");
    assert!(matches!(cleanup_in(&dataset.name, &other), Err(CleanupError::Alive { .. })));
    daemon.client().roll().unwrap();
    daemon.stop();
    let removed = cleanup_in(&dataset.name, &state).unwrap();
    assert_eq!(removed.names.len(), 3, "{removed:?}");
    assert_eq!(dataset.objects(), [""; 0]);
    let daemon = dataset.start(&[]);
    assert_eq!(daemon.status().generation, Some(Generation(3)), "no number is used twice");
}

#[test]
fn a_tightened_mode_reaches_adopted_and_retained_generations() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&["--mode", "0444"]);
    daemon.client().roll().unwrap();
    daemon.stop();
    let modes = || {
        ["", ".g1", ".g2"].map(|object| {
            let path = format!("/dev/shm/{}{object}", dataset.name.superblock().file_name());
            std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap()) & 0o7777
        })
    };
    assert_eq!(modes(), [0o644, 0o444, 0o444]);
    let daemon = dataset.start(&["--mode", "0440"]);
    let status = daemon.status();
    assert!(status.adopted, "the data are the same");
    assert_eq!(status.generation, Some(Generation(2)));
    assert_eq!(modes(), [0o640, 0o440, 0o440]);
    daemon.stop();
    let _daemon = dataset.start(&["--mode", "0444"]);
    assert_eq!(modes(), [0o644, 0o444, 0o444], "and back");
}

#[test]
fn a_generation_that_somebody_still_writes_is_not_unlinked_and_a_damaged_one_is() {
    let dataset = Dataset::new();
    let daemon = dataset.start(&["--retain", "5"]);
    daemon.client().roll().unwrap();
    daemon.client().roll().unwrap();
    let path = |object| format!("/dev/shm/{}{object}", dataset.name.superblock().file_name());
    let writable = |object| {
        std::fs::set_permissions(path(object), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(path(object)).unwrap();
        std::fs::set_permissions(path(object), std::os::unix::fs::PermissionsExt::from_mode(0o440)).unwrap();
        file
    };
    let busy = writable(".g1");
    std::os::unix::fs::FileExt::write_at(&writable(".g2"), &[0; 64], 0).unwrap();
    daemon.client().roll().unwrap();
    assert_eq!(dataset.objects(), ["", ".g1", ".g3", ".g4"]);
    let retained = || daemon.status().retained.iter().map(|r| r.generation.0).collect::<Vec<_>>();
    assert_eq!(retained(), [3]);
    drop(busy);
    daemon.client().roll().unwrap();
    assert_eq!(retained(), [4, 3, 1], "looked at again");
}

#[test]
fn root_does_not_take_the_superblock_of_another_users_living_daemon_but_that_of_a_dead_one() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: other users need root");
    }
    let dataset = Dataset::new();
    let mut daemon = dataset.start(&[]);
    let path = format!("/dev/shm/{}", dataset.name.superblock().file_name());
    let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
    let before = inode();
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    // Another user's daemon has its locks and its socket elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let (state, socket) = (elsewhere.path().join("state"), elsewhere.path().join("socket"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_persondbd"));
    command.args(["--name", dataset.name.as_str(), "--people"]).arg(dataset.people());
    command.arg("--state-dir").arg(state).arg("--socket").arg(socket).env("TMPDIR", elsewhere.path());
    let log = elsewhere.path().join("log");
    command.stderr(std::fs::File::create(&log).unwrap());
    let mut second = Daemon::over(command.spawn().unwrap(), &dataset);
    assert!(!second.wait().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("found one of uid 65534"), "{log}");
    assert_eq!(inode(), before, "the living daemon's superblock is untouched");
    assert!(daemon.client().title("p1@example.com").is_some());

    daemon.signal(nix::sys::signal::Signal::SIGKILL);
    daemon.wait();
    let _daemon = dataset.start(&[]);
    assert_ne!(inode(), before, "a dead one's is replaced");
}
