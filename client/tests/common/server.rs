//! What the test daemon answers on its socket.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::Duration;

use persondb_client::{Answer, MatchAnswer, Message, Person, Reason, Unavailable};
use persondb_data::segment::{LookupError, Scope, Segment, to_people};
use persondb_protocol::codec::{FrameBuffer, REPLY_SIZE_MAX, REQUEST_SIZE_MAX, decode, encode};
use persondb_protocol::control::{HandOver, Reply, ReplyFrame, Request, RequestFrame, Welcome};
use persondb_protocol::layout::NORM_VERSION;
use persondb_protocol::status::Status;
use persondb_shm::{SegmentMap, boot_now_ns, send_with_descriptors};

use super::{Inner, State};

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn serve(&self, mut stream: UnixStream) {
        let mut frames = FrameBuffer::new(REQUEST_SIZE_MAX);
        let mut buffer = [0; 4096];
        loop {
            while let Some(payload) = frames.next_payload().unwrap() {
                let frame: RequestFrame = decode(payload).unwrap();
                std::thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed)));
                if self.reply(&mut stream, &frame).is_none() {
                    return;
                }
            }
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(size) => frames.push(&buffer[..size]),
            }
        }
    }

    fn reply(&self, stream: &mut UnixStream, frame: &RequestFrame) -> Option<()> {
        let id = frame.id;
        let mut out = Vec::new();
        if frame.request == Request::Segments && !self.withholds.load(Ordering::Relaxed) {
            let state = self.state();
            let owner = state.owner.as_ref().and_then(|owner| owner.descriptor_read_only().ok());
            if let (Some(generation), Some(superblock)) = (state.current, owner) {
                let reply = Reply::Segments(Some(HandOver { generation, segment_count: 1 }));
                encode(&ReplyFrame { id, reply }, REPLY_SIZE_MAX, &mut out).unwrap();
                let segment = &state.published.get(&generation)?.segment;
                let descriptors = [superblock.as_fd(), segment.descriptor()];
                let sent = send_with_descriptors(stream.as_fd(), &out, &descriptors).ok()?;
                assert_eq!(sent, out.len());
                return Some(());
            }
        }
        let reply = self.answer(&frame.request);
        encode(&ReplyFrame { id, reply }, REPLY_SIZE_MAX, &mut out).unwrap();
        stream.write_all(&out).ok()
    }

    fn answer(&self, request: &Request) -> Reply {
        match request {
            Request::Hello(_) => Reply::Welcome(Welcome {
                control_version: 1,
                layout_version: self.layout.load(Ordering::Relaxed),
                norm_version: NORM_VERSION,
                version: "0".into(),
                name: self.name.to_string(),
                uid: nix::unistd::geteuid().as_raw(),
                pid: std::process::id(),
                generation: self.state().current,
            }),
            Request::Segments => Reply::Segments(None),
            Request::Get { address, tenant } => {
                self.people(|segment| Ok(to_people(&segment.get(address, scope(tenant.as_ref()))?)?))
            }
            Request::Person { person_id, tenant } => {
                self.people(|segment| Ok(to_people(&segment.person(person_id, scope(tenant.as_ref()))?)?))
            }
            Request::Name { tenant, full_name, limit } => {
                self.people(|segment| Ok(to_people(&segment.by_name(tenant, full_name, *limit as usize)?)?))
            }
            Request::Domain { domain } => Reply::Domains(self.look(|segment| segment.domain(domain))),
            Request::Match { message, options } => {
                let evidence = self.segment().map(|segment| {
                    let message = Message::from(&**message);
                    segment.match_message(&message.bounded(), options).unwrap()
                });
                Reply::Match(evidence.map_or_else(MatchAnswer::Unavailable, MatchAnswer::Matched))
            }
            Request::Status => {
                let state = self.state();
                let age = |generation| boot_now_ns() - state.published[&generation].load_started_boot_ns;
                #[expect(clippy::cast_precision_loss, reason = "seconds need no 53 bits")]
                let data_age_s = state.current.map(|generation| age(generation) as f64 / 1e9);
                Reply::Status(Box::new(Status {
                    name: self.name.to_string(),
                    generation: state.current,
                    data_age_s,
                    ..Status::default()
                }))
            }
            Request::Moved { generation } => {
                self.state().told.push(*generation);
                Reply::Done
            }
            _ => Reply::Done,
        }
    }

    fn people(&self, read: impl FnOnce(&Segment<SegmentMap>) -> Result<Vec<Person>, LookupError>) -> Reply {
        Reply::People(self.look(read))
    }

    fn look<T>(
        &self,
        read: impl FnOnce(&Segment<SegmentMap>) -> Result<Vec<T>, LookupError>,
    ) -> Answer<Vec<T>> {
        let segment = match self.segment() {
            Ok(segment) => segment,
            Err(why) => return Answer::Unavailable(why),
        };
        match read(&segment).unwrap() {
            found if found.is_empty() => Answer::Absent(segment.generation()),
            found => Answer::Found(segment.generation(), found),
        }
    }

    fn segment(&self) -> Result<Segment<SegmentMap>, Unavailable> {
        let state = self.state();
        let nothing = || Unavailable::new(Reason::NoGeneration, "nothing announced");
        let generation = state.current.ok_or_else(nothing)?;
        Ok(Segment::open(state.published[&generation].segment.map().unwrap()).unwrap())
    }
}

fn scope(tenant: Option<&String>) -> Scope<'_> {
    tenant.map_or(Scope::Everywhere, |tenant| Scope::Tenant(tenant))
}
