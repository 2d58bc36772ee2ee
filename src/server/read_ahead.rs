//! A read buffer between the socket and rustls, which asks for 4 KiB at a time.
//!
//! Saves two of three `recv` calls for a 12 KB review. Allocates memory only while it holds data, because there may be
//! thousands of idle connections.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, Join, ReadBuf, join};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::io::poll_read_buf;

/// Two full TLS records.
const CAPACITY: usize = 32 << 10;

/// Buffers the reads of a connection, but not its writes.
pub(super) fn read_ahead(stream: TcpStream) -> Join<ReadAhead, OwnedWriteHalf> {
    let (stream, writer) = stream.into_split();
    join(ReadAhead { stream, buffer: Vec::new(), taken: 0 }, writer)
}

pub(super) struct ReadAhead {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    taken: usize,
}

impl ReadAhead {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.stream.as_ref().poll_read_ready(cx)?.is_pending() {
            self.buffer = Vec::new();
            return Poll::Pending;
        }
        if self.buffer.capacity() == 0 {
            self.buffer = Vec::with_capacity(CAPACITY);
        }
        poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.buffer)
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.buffer.is_empty() && ready!(this.poll_fill(cx))? == 0 {
            return Poll::Ready(Ok(()));
        }
        let rest = this.buffer.get(this.taken..).unwrap_or_default();
        let (now, later) = rest.split_at(rest.len().min(out.remaining()));
        out.put_slice(now);
        this.taken += now.len();
        if later.is_empty() {
            this.buffer.clear();
            this.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, Join<ReadAhead, OwnedWriteHalf>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (client, read_ahead(server))
    }

    #[tokio::test]
    async fn every_byte_comes_once_and_in_order() {
        let (mut client, mut server) = pair().await;
        let sent: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let (_, got) = tokio::join!(
            async {
                client.write_all(&sent).await.unwrap();
                client.shutdown().await.unwrap();
            },
            async {
                let mut got = Vec::new();
                let mut piece = [0; 4096];
                loop {
                    let n = server.read(&mut piece).await.unwrap();
                    if n == 0 {
                        return got;
                    }
                    got.extend_from_slice(&piece[..n]);
                }
            }
        );
        assert!(got == sent);
    }

    #[tokio::test]
    async fn waiting_holds_no_buffer() {
        let (mut client, mut server) = pair().await;
        client.write_all(b"hello").await.unwrap();
        let mut piece = [0; 5];
        server.read_exact(&mut piece).await.unwrap();
        assert_eq!(&piece, b"hello");
        let waiting = futures::future::poll_immediate(server.read(&mut piece)).await;
        assert!(waiting.is_none());
        assert_eq!(server.reader().buffer.capacity(), 0);
    }
}
