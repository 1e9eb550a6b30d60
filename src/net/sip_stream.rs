//! SIP over connections: TCP, TLS and websockets, their tasks and their bounded queues.
//!
//! A connection has a reader and a writer task; a websocket has one for both (`sip_ws`). Readers hand bytes to the driver
//! and wait while it is busy, so that a flood is held back by TCP itself. The driver never waits for a writer: a message
//! that does not fit the queue is reported as not sent.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callwright_sip::endpoint::{Alias, Flow, ListenerId, PeerName, Transmit, TransmitId, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::faults::ConnectionFault;
use super::sip_alias::{Aliases, Shown};
use super::sip_door::{Doorman, Place};
use super::sip_driver::Doors;
use super::sip_tls::SipTls;
use super::sip_ws::{self, Silence, Websocket};
use crate::time;

/// Connections that we have opened at one time. Those who connect to us take none of these places.
const MAX_OPENED: usize = 256;
/// Messages that wait for one connection.
const OUTGOING: usize = 256;
/// Chunks that wait for the driver, over all connections.
const INCOMING: usize = 256;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// How long the far side may take to accept a connection and to agree on how to speak.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// How long one message may take to be taken by the far side.
pub(super) const WRITE: Duration = Duration::from_secs(10);
/// Who has connected to us says something within this time, or is sent away.
const FIRST: Duration = Duration::from_secs(30);
/// A connection on which nothing arrives for so long is closed; it is opened again when there is something to send.
const IDLE: Duration = Duration::from_secs(3_600);
/// What was sent and is not acknowledged for so long shows that the far side is gone (TCP_USER_TIMEOUT). Without it the
/// system goes on for a quarter of an hour.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// One life of a connection: a flow may be used by several, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionId(pub(super) u64);

/// Bytes both ways, encrypted or not.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A connection that is ready for SIP.
pub(super) enum Wire {
    /// Messages follow each other as bytes.
    Stream(Box<dyn Bytes>),
    /// Each message is a frame.
    Frames(Box<Websocket>),
}

impl Wire {
    pub(super) fn stream(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self::Stream(Box::new(stream))
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

/// What connections tell the driver.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// A peer connected, and showed these certificates where it was asked for them.
    Accepted { flow: Flow, stream: Wire, shown: Option<Shown>, place: Place },
    /// A connection of ours is up.
    Opened { flow: Flow, connection: ConnectionId },
    /// Bytes came; over a websocket those of one frame.
    Bytes { flow: Flow, connection: ConnectionId, bytes: Vec<u8> },
    /// The connection is gone.
    Closed { flow: Flow, connection: ConnectionId },
    /// A message did not go out; `written` when a part of it may have left.
    NotSent { id: TransmitId, written: bool },
}

/// All connections of the driver.
#[derive(Debug)]
pub(super) struct Streams {
    connections: BTreeMap<Flow, Connection>,
    binds: BTreeMap<ListenerId, IpAddr>,
    aliases: Aliases,
    next: u64,
    opened: Arc<Semaphore>,
    doorman: Doorman,
    doors: Doors,
    events: mpsc::Sender<StreamEvent>,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    outgoing: mpsc::Sender<Transmit>,
    /// Ends the reader when the connection is dropped from this side.
    closer: CancellationToken,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.closer.cancel();
    }
}

impl Streams {
    /// No connections yet; what they say comes out of the receiver.
    pub(super) fn new(doors: Doors) -> (Self, mpsc::Receiver<StreamEvent>) {
        let (events, receiver) = mpsc::channel(INCOMING);
        let streams = Self {
            connections: BTreeMap::new(),
            binds: BTreeMap::new(),
            aliases: Aliases::default(),
            next: 0,
            opened: Arc::new(Semaphore::new(MAX_OPENED)),
            doorman: Doorman::default(),
            doors,
            events,
        };
        (streams, receiver)
    }

    /// Accepts connections of a listener until `stop`.
    pub(super) fn listen(
        &mut self,
        id: ListenerId,
        transport: Transport,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> io::Result<()> {
        self.leave_from(id, listener.local_addr()?.ip());
        let door = self.doorman.door(id, transport, self.doors.clone(), self.events.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = door.accept(&listener) => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(())
    }

    /// Connections of this listener leave from this address.
    pub(super) fn leave_from(&mut self, id: ListenerId, address: IpAddr) {
        self.binds.insert(id, address);
    }

    /// Takes over an accepted connection, in place of an earlier one from the same port: what went out on that is lost.
    #[must_use]
    pub(super) fn adopt(&mut self, flow: Flow, stream: Wire, shown: Option<Shown>, place: Place) -> Vec<Flow> {
        let lost = self.lost_with(flow);
        if let Some(shown) = shown {
            self.aliases.shows(flow, shown);
        }
        let (connection, outgoing) = self.connection();
        let life = Life { flow, id: connection.id, closer: connection.closer.clone(), events: self.events.clone() };
        self.connections.insert(flow, connection);
        tokio::spawn(async move {
            life.serve(stream, outgoing, FIRST).await;
            drop(place);
        });
        lost
    }

    /// A far end offers its connection for requests of ours (RFC 5923).
    pub(super) fn offer(&mut self, alias: Alias) {
        self.aliases.offer(alias);
    }

    /// Queues a message. Where no connection is up a request goes out on one that its far end offers for it, or opens one. A
    /// response does not: whoever asked has gone, and what it said of another address is not worth a connection, of which
    /// strangers could make us open many.
    ///
    /// # Errors
    /// [`NotTaken`]: nothing of the message left.
    pub(super) fn send(&mut self, transmit: Transmit) -> Result<(), NotTaken> {
        let flow = transmit.flow;
        if let Some(connection) = self.connections.get(&flow) {
            match connection.outgoing.try_send(transmit) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Full(_)) => return Err(NotTaken),
                // Its task has ended and the driver is about to hear of it.
                Err(mpsc::error::TrySendError::Closed(back)) => return self.open(back),
            }
        }
        match self.carrier(&transmit) {
            Some(connection) => match connection.outgoing.try_send(transmit) {
                Ok(()) => Ok(()),
                Err(mpsc::error::TrySendError::Full(_)) => Err(NotTaken),
                Err(mpsc::error::TrySendError::Closed(back)) => self.open(back),
            },
            None => self.open(transmit),
        }
    }

    /// The connection of somebody else on which a request goes out.
    fn carrier(&mut self, transmit: &Transmit) -> Option<&Connection> {
        let tls = &self.doors.tls;
        let carrier = is_request(&transmit.bytes)
            .then(|| self.aliases.carrier(transmit.flow, |shown, name| tls.proves(shown, name)))??;
        self.connections.get(&carrier)
    }

    /// Whether an event of this connection is about the present life of its flow.
    pub(super) fn is_current(&self, flow: Flow, id: ConnectionId) -> bool {
        self.connections.get(&flow).is_some_and(|connection| connection.id == id)
    }

    /// Closes a flow; what is queued is still written. Which other flows went with it.
    #[must_use]
    pub(super) fn close(&mut self, flow: Flow) -> Vec<Flow> {
        self.connections.remove(&flow);
        self.lost_with(flow)
    }

    /// The flows that this connection has carried and that have none of their own meanwhile.
    fn lost_with(&mut self, connection: Flow) -> Vec<Flow> {
        let mut lost = self.aliases.gone(connection);
        lost.retain(|flow| !self.connections.contains_key(flow));
        lost
    }

    fn open(&mut self, transmit: Transmit) -> Result<(), NotTaken> {
        let flow = transmit.flow;
        // Nobody proves at another connection to be who connected to us, and websockets lead one way.
        let one_way = flow.transport == Transport::Tls(PeerName::NONE) || flow.transport.is_websocket();
        if one_way || !is_request(&transmit.bytes) {
            return Err(NotTaken);
        }
        let permit = Arc::clone(&self.opened).try_acquire_owned().map_err(|_| NotTaken)?;
        let (connection, outgoing) = self.connection();
        connection.outgoing.try_send(transmit).map_err(|_| NotTaken)?;
        let life = Life { flow, id: connection.id, closer: connection.closer.clone(), events: self.events.clone() };
        let (bind, tls) = (self.binds.get(&flow.listener).copied(), self.doors.tls.clone());
        self.connections.insert(flow, connection);
        tokio::spawn(async move {
            open(life, bind, tls, outgoing).await;
            drop::<OwnedSemaphorePermit>(permit);
        });
        Ok(())
    }

    fn connection(&mut self) -> (Connection, mpsc::Receiver<Transmit>) {
        let (outgoing, receiver) = mpsc::channel(OUTGOING);
        self.next += 1;
        (Connection { id: ConnectionId(self.next), outgoing, closer: CancellationToken::new() }, receiver)
    }
}

/// A connection cannot take another message, or none is opened for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotTaken;

/// Neither a response nor a keep-alive.
fn is_request(bytes: &[u8]) -> bool {
    !bytes.starts_with(b"SIP/2.0 ") && !bytes.starts_with(b"\r\n")
}

async fn open(life: Life, bind: Option<IpAddr>, tls: SipTls, mut outgoing: mpsc::Receiver<Transmit>) {
    let (flow, connection) = (life.flow, life.id);
    let error = match timeout(CONNECT, connect(bind, flow, &tls)).await {
        Ok(Ok(stream)) => {
            tls.faults().clear(flow.peer);
            if life.events.send(StreamEvent::Opened { flow, connection }).await.is_ok() {
                life.serve(stream, outgoing, IDLE).await;
            }
            return;
        }
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    complain(&tls, flow, &error);
    give_back(&mut outgoing, &life.events).await;
    let _ = life.events.send(StreamEvent::Closed { flow, connection }).await;
}

/// A certificate that does not fit is for the operator to put right.
fn complain(tls: &SipTls, flow: Flow, error: &io::Error) {
    tls.faults().note(flow.peer, ConnectionFault { at: time::now().wall, why: error.to_string() });
    match flow.transport {
        Transport::Tls(name) => {
            if let Some(host) = tls.names().complain(time::now().mono, name) {
                tracing::warn!(host, %error, "SIP over TLS cannot connect; told once a minute for each host");
            }
        }
        Transport::Tcp | Transport::Udp | Transport::Ws | Transport::Wss => {
            tracing::debug!(peer = %flow.peer, %error, "SIP cannot connect");
        }
    }
}

async fn connect(bind: Option<IpAddr>, flow: Flow, tls: &SipTls) -> io::Result<Wire> {
    let peer = flow.peer;
    let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(address) = bind.filter(|address| address.is_ipv4() == peer.is_ipv4() && !address.is_unspecified()) {
        socket.bind(SocketAddr::new(address, 0))?;
    }
    let stream = socket.connect(peer).await?;
    prepare(&stream);
    Ok(match flow.transport {
        Transport::Tls(name) => Wire::stream(tls.connect(name, stream).await?),
        Transport::Tcp | Transport::Udp => Wire::stream(stream),
        Transport::Ws | Transport::Wss => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// What every connection is set to.
pub(super) fn prepare(stream: &TcpStream) {
    // SIP messages are small and each is awaited by somebody.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let millis = u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, millis);
    }
}

/// What the tasks of one connection know of it.
pub(super) struct Life {
    pub(super) flow: Flow,
    pub(super) id: ConnectionId,
    pub(super) closer: CancellationToken,
    pub(super) events: mpsc::Sender<StreamEvent>,
}

impl Life {
    /// Reads and writes until the connection ends, then tells the driver once. The first bytes may take `patience`.
    pub(super) async fn serve(self, stream: Wire, outgoing: mpsc::Receiver<Transmit>, patience: Duration) {
        match stream {
            Wire::Stream(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                let writing = tokio::spawn(write(writer, outgoing, self.events.clone(), self.closer.clone()));
                tokio::select! {
                    () = self.read(reader, patience) => {}
                    () = self.closer.cancelled() => {}
                }
                self.closer.cancel();
                let _ = writing.await;
            }
            Wire::Frames(socket) => {
                sip_ws::converse(&self, *socket, outgoing, Silence::after(patience)).await;
                self.closer.cancel();
            }
        }
        let _ = self.events.send(StreamEvent::Closed { flow: self.flow, connection: self.id }).await;
    }

    async fn read(&self, mut reader: ReadHalf<Box<dyn Bytes>>, mut patience: Duration) {
        let mut buffer = vec![0; CHUNK];
        while let Ok(Ok(length)) = timeout(patience, reader.read(&mut buffer)).await {
            patience = IDLE;
            let bytes = buffer[..length].to_vec();
            let event = StreamEvent::Bytes { flow: self.flow, connection: self.id, bytes };
            if length == 0 || self.events.send(event).await.is_err() {
                return;
            }
        }
    }
}

async fn write(
    mut writer: WriteHalf<Box<dyn Bytes>>,
    mut outgoing: mpsc::Receiver<Transmit>,
    events: mpsc::Sender<StreamEvent>,
    closer: CancellationToken,
) {
    loop {
        let transmit = tokio::select! {
            biased;
            transmit = outgoing.recv() => transmit,
            () = closer.cancelled() => None,
        };
        let Some(transmit) = transmit else { break };
        let mut written = 0;
        let sent = timeout(WRITE, write_all(&mut writer, &transmit.bytes, &mut written)).await;
        if !matches!(sent, Ok(Ok(()))) {
            let _ = events.send(StreamEvent::NotSent { id: transmit.id, written: written > 0 }).await;
            break;
        }
    }
    give_back(&mut outgoing, &events).await;
    closer.cancel();
    // TLS says goodbye, which a far side that is gone does not take.
    let _ = timeout(WRITE, writer.shutdown()).await;
}

/// Writes everything, counting what was taken.
async fn write_all(writer: &mut WriteHalf<Box<dyn Bytes>>, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match writer.write(&bytes[*written..]).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            length => *written += length,
        }
    }
    // TLS keeps back what it has taken.
    writer.flush().await
}

/// Reports everything that still waits as not sent.
pub(super) async fn give_back(outgoing: &mut mpsc::Receiver<Transmit>, events: &mpsc::Sender<StreamEvent>) {
    outgoing.close();
    while let Some(transmit) = outgoing.recv().await {
        let _ = events.send(StreamEvent::NotSent { id: transmit.id, written: false }).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    /// A connection that was accepted, and the far end of it.
    fn accepted() -> (DuplexStream, DuplexStream, Life, mpsc::Receiver<StreamEvent>) {
        let (ours, theirs) = tokio::io::duplex(CHUNK);
        let (events, heard) = mpsc::channel(8);
        let peer = SocketAddr::from(([192, 0, 2, 1], 5060));
        let flow = Flow { listener: ListenerId(0), transport: Transport::Tcp, peer };
        let life = Life { flow, id: ConnectionId(1), closer: CancellationToken::new(), events };
        (ours, theirs, life, heard)
    }

    #[tokio::test]
    async fn who_connects_and_says_nothing_is_sent_away() {
        let (ours, _silent, life, mut heard) = accepted();
        let (_outgoing, messages) = mpsc::channel(8);
        life.serve(Wire::stream(ours), messages, Duration::ZERO).await;
        assert!(matches!(heard.recv().await, Some(StreamEvent::Closed { .. })));
    }

    #[tokio::test]
    async fn who_has_said_something_in_time_may_be_silent_for_longer() {
        let (ours, mut theirs, life, mut heard) = accepted();
        theirs.write_all(b"first").await.expect("it is open");
        let (_outgoing, messages) = mpsc::channel(8);
        tokio::spawn(life.serve(Wire::stream(ours), messages, Duration::ZERO));
        assert!(matches!(heard.recv().await, Some(StreamEvent::Bytes { bytes, .. }) if bytes == b"first"));
        theirs.write_all(b"second").await.expect("it is open");
        assert!(matches!(heard.recv().await, Some(StreamEvent::Bytes { bytes, .. }) if bytes == b"second"));
    }

    #[tokio::test]
    async fn only_requests_open_connections_and_none_to_who_can_only_connect_to_us() {
        let tls = SipTls::new(&Default::default()).expect("nothing is needed to call");
        let (mut streams, _heard) = Streams::new(tls.into());
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut send = |transport, text: &str| {
            let flow = Flow { listener: ListenerId(0), transport, peer };
            streams.send(Transmit { flow, bytes: text.as_bytes().to_vec(), id: TransmitId(1) })
        };
        for text in ["SIP/2.0 200 OK\r\n\r\n", "\r\n", "\r\n\r\n"] {
            assert_eq!(send(Transport::Tcp, text), Err(NotTaken), "{text:?}");
        }
        for one_way in [Transport::Tls(PeerName::NONE), Transport::Ws, Transport::Wss] {
            assert_eq!(send(one_way, "BYE sip:x SIP/2.0\r\n\r\n"), Err(NotTaken), "{one_way:?}");
        }
        assert_eq!(send(Transport::Tcp, "BYE sip:x SIP/2.0\r\n\r\n"), Ok(()));
    }

    #[tokio::test]
    async fn what_waited_for_a_connection_that_ends_is_given_back() {
        let (ours, theirs, life, mut heard) = accepted();
        drop(theirs);
        let (outgoing, messages) = mpsc::channel(8);
        for number in 1..=2 {
            let transmit = Transmit { flow: life.flow, bytes: vec![b'x'; 10], id: TransmitId(number) };
            outgoing.try_send(transmit).expect("there is room");
        }
        life.serve(Wire::stream(ours), messages, IDLE).await;
        for number in 1..=2 {
            let Some(StreamEvent::NotSent { id, written }) = heard.recv().await else { panic!("it is told") };
            assert_eq!((id, written), (TransmitId(number), false));
        }
        assert!(matches!(heard.recv().await, Some(StreamEvent::Closed { .. })));
    }
}
