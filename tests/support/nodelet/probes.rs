//! The probes of a container, asked as often as it says.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One probe of a running container.
#[derive(Debug)]
pub(super) struct Probe {
    port: u16,
    path: String,
    period: Duration,
    patience: Duration,
    failures_allowed: u64,
    next: Instant,
    /// Until it succeeds, a kubelet asks for readiness more often than it is told to.
    is_eager: bool,
    /// How often it failed since it last succeeded.
    failures: u64,
    /// What it says, once it has said something.
    pub(super) verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
}

impl Probe {
    /// Reads a probe, if the container has it.
    pub(super) fn read(container: &Value, name: &str) -> Option<Self> {
        let probe = container.get(name)?;
        let get = probe.get("httpGet").unwrap_or_else(|| panic!("not httpGet: {probe}"));
        assert_eq!(get["scheme"], "HTTP", "{probe}");
        let seconds =
            |key: &str, default| Duration::from_secs(probe[key].as_u64().unwrap_or(default));
        Some(Self {
            port: port(container, &get["port"]),
            path: get["path"].as_str().unwrap_or("/").to_owned(),
            period: seconds("periodSeconds", 10),
            patience: seconds("timeoutSeconds", 1),
            failures_allowed: probe["failureThreshold"].as_u64().unwrap_or(3),
            next: Instant::now() + seconds("initialDelaySeconds", 0),
            is_eager: name == "readinessProbe",
            failures: 0,
            verdict: None,
        })
    }

    /// Asks when it is time.
    pub(super) async fn ask(&mut self, address: Ipv4Addr) {
        if Instant::now() < self.next {
            return;
        }
        let code = timeout(self.patience, code(address, self.port, &self.path)).await;
        self.next = Instant::now() + self.period;
        if matches!(code, Ok(Some(200..400))) {
            self.failures = 0;
            self.verdict = Some(Verdict::Good);
            return;
        }
        self.failures += 1;
        if self.failures >= self.failures_allowed {
            self.verdict = Some(Verdict::Bad);
        }
        if self.is_eager && self.verdict != Some(Verdict::Good) {
            self.next = Instant::now() + Duration::from_millis(100).min(self.period);
        }
    }
}

/// A container's port, by its number or name.
pub(super) fn port(container: &Value, port: &Value) -> u16 {
    let number = port.as_u64().unwrap_or_else(|| {
        let ports = container["ports"].as_array().expect("ports of the container");
        let named = ports.iter().find(|candidate| candidate["name"] == *port);
        named.unwrap_or_else(|| panic!("no port {port}"))["containerPort"].as_u64().unwrap()
    });
    u16::try_from(number).unwrap()
}

/// The status code of a page.
async fn code(address: Ipv4Addr, port: u16, path: &str) -> Option<u16> {
    page(address, port, path).await.map(|(code, _)| code)
}

/// The status code and the text of a page.
pub(super) async fn page(address: Ipv4Addr, port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((address, port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
