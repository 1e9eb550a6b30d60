//! SIP over TCP: connections, their tasks and their bounded queues.
//!
//! A connection has a reader and a writer task. Readers hand bytes to the driver and wait while it is busy, so that a
//! flood is held back by TCP itself. The driver never waits for a writer: a message that does not fit the queue is
//! reported as not sent.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callwright_sip::endpoint::{Flow, ListenerId, Transmit, TransmitId, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Connections accepted or opened at one time; further ones are closed at once.
const MAX_CONNECTIONS: usize = 1_024;
/// Messages that wait for one connection.
const OUTGOING: usize = 256;
/// Chunks that wait for the driver, over all connections.
const INCOMING: usize = 256;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// How long the far side may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one message may take to be taken by the far side.
const WRITE: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for so long is closed; it is opened again when there is something to send.
const IDLE: Duration = Duration::from_secs(3_600);

/// One life of a connection: a flow may be used by several, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionId(u64);

/// What connections tell the driver.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// A peer connected.
    Accepted { flow: Flow, stream: TcpStream, permit: OwnedSemaphorePermit },
    /// Bytes came.
    Bytes { flow: Flow, connection: ConnectionId, bytes: Vec<u8> },
    /// The connection is gone.
    Closed { flow: Flow, connection: ConnectionId },
    /// A message did not go out; `written` when a part of it may have left.
    NotSent { id: TransmitId, written: bool },
}

/// All TCP connections of the driver.
#[derive(Debug)]
pub(super) struct Streams {
    connections: BTreeMap<Flow, Connection>,
    binds: BTreeMap<ListenerId, IpAddr>,
    next: u64,
    limit: Arc<Semaphore>,
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
    pub(super) fn new() -> (Self, mpsc::Receiver<StreamEvent>) {
        let (events, receiver) = mpsc::channel(INCOMING);
        let limit = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        (Self { connections: BTreeMap::new(), binds: BTreeMap::new(), next: 0, limit, events }, receiver)
    }

    /// Accepts connections of a listener until `stop`.
    pub(super) fn listen(&mut self, id: ListenerId, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        self.binds.insert(id, listener.local_addr()?.ip());
        let (limit, events) = (Arc::clone(&self.limit), self.events.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = accept(id, &listener, &limit, &events) => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(())
    }

    /// Takes over an accepted connection.
    pub(super) fn adopt(&mut self, flow: Flow, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let (connection, outgoing) = self.connection();
        let (id, closer) = (connection.id, connection.closer.clone());
        self.connections.insert(flow, connection);
        tokio::spawn(serve(flow, id, stream, outgoing, self.events.clone(), closer, permit));
    }

    /// Queues a message, opening a connection if none is up.
    ///
    /// # Errors
    /// [`QueueFull`]: nothing of the message left.
    pub(super) fn send(&mut self, transmit: Transmit) -> Result<(), QueueFull> {
        let flow = transmit.flow;
        if let Some(connection) = self.connections.get(&flow) {
            match connection.outgoing.try_send(transmit) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Full(_)) => return Err(QueueFull),
                // Its task has ended and the driver is about to hear of it.
                Err(mpsc::error::TrySendError::Closed(back)) => return self.open(back),
            }
        }
        self.open(transmit)
    }

    /// Whether an event of this connection is about the present life of its flow.
    pub(super) fn is_current(&self, flow: Flow, id: ConnectionId) -> bool {
        self.connections.get(&flow).is_some_and(|connection| connection.id == id)
    }

    /// Closes a flow; what is queued is still written.
    pub(super) fn close(&mut self, flow: Flow) {
        self.connections.remove(&flow);
    }

    fn open(&mut self, transmit: Transmit) -> Result<(), QueueFull> {
        let flow = transmit.flow;
        let permit = Arc::clone(&self.limit).try_acquire_owned().map_err(|_| QueueFull)?;
        let (connection, mut outgoing) = self.connection();
        connection.outgoing.try_send(transmit).map_err(|_| QueueFull)?;
        let (id, closer, events) = (connection.id, connection.closer.clone(), self.events.clone());
        let bind = self.binds.get(&flow.listener).copied();
        self.connections.insert(flow, connection);
        tokio::spawn(async move {
            match timeout(CONNECT, connect(bind, flow.peer)).await {
                Ok(Ok(stream)) => serve(flow, id, stream, outgoing, events, closer, permit).await,
                Ok(Err(_)) | Err(_) => {
                    give_back(&mut outgoing, &events).await;
                    let _ = events.send(StreamEvent::Closed { flow, connection: id }).await;
                }
            }
        });
        Ok(())
    }

    fn connection(&mut self) -> (Connection, mpsc::Receiver<Transmit>) {
        let (outgoing, receiver) = mpsc::channel(OUTGOING);
        self.next += 1;
        (Connection { id: ConnectionId(self.next), outgoing, closer: CancellationToken::new() }, receiver)
    }
}

/// A connection cannot take another message, or no further connection may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

async fn accept(id: ListenerId, listener: &TcpListener, limit: &Arc<Semaphore>, events: &mpsc::Sender<StreamEvent>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(permit) = Arc::clone(limit).try_acquire_owned() else { continue };
                let flow = Flow { listener: id, transport: Transport::Tcp, peer };
                if events.send(StreamEvent::Accepted { flow, stream, permit }).await.is_err() {
                    return;
                }
            }
            // Out of file descriptors, most likely: other work has to end first.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a SIP connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connect(bind: Option<IpAddr>, peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(address) = bind.filter(|address| address.is_ipv4() == peer.is_ipv4() && !address.is_unspecified()) {
        socket.bind(SocketAddr::new(address, 0))?;
    }
    socket.connect(peer).await
}

/// Reads and writes one connection until it ends, then tells the driver once.
async fn serve(
    flow: Flow,
    connection: ConnectionId,
    stream: TcpStream,
    outgoing: mpsc::Receiver<Transmit>,
    events: mpsc::Sender<StreamEvent>,
    closer: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    // SIP messages are small and each is awaited by somebody.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let writing = tokio::spawn(write(writer, outgoing, events.clone(), closer.clone()));
    tokio::select! {
        () = read(flow, connection, reader, &events) => {}
        () = closer.cancelled() => {}
    }
    closer.cancel();
    let _ = writing.await;
    let _ = events.send(StreamEvent::Closed { flow, connection }).await;
}

async fn read(flow: Flow, connection: ConnectionId, mut reader: OwnedReadHalf, events: &mpsc::Sender<StreamEvent>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(Ok(length)) = timeout(IDLE, reader.read(&mut buffer)).await {
        let bytes = buffer[..length].to_vec();
        if length == 0 || events.send(StreamEvent::Bytes { flow, connection, bytes }).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
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
    let _ = writer.shutdown().await;
}

/// Writes everything, counting what the kernel has taken.
async fn write_all(writer: &mut OwnedWriteHalf, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match writer.write(&bytes[*written..]).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            length => *written += length,
        }
    }
    Ok(())
}

/// Reports everything that still waits as not sent.
async fn give_back(outgoing: &mut mpsc::Receiver<Transmit>, events: &mpsc::Sender<StreamEvent>) {
    outgoing.close();
    while let Some(transmit) = outgoing.recv().await {
        let _ = events.send(StreamEvent::NotSent { id: transmit.id, written: false }).await;
    }
}
