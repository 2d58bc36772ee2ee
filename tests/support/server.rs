//! The program, run standalone on free ports.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::{
    client::{Answer, Client},
    process::{Folder, Process},
    wait::{PATIENCE, until},
};

/// A review of a pod that breaks baseline, and one of a pod that can be hardened.
pub(crate) const DENIED: &str = include_str!("../../src/cli/serve/samples/denied.json");
pub(crate) const HARDENED: &str = include_str!("../../src/cli/serve/samples/hardened.json");

/// A running server, killed when dropped.
pub(crate) struct Server {
    process: Process,
    folder: Folder,
    pub(crate) secure: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// A connection to it.
pub(crate) type Connection = Client<TlsStream<TcpStream>>;

/// `portcullis` with these arguments, outside of any cluster.
pub(crate) fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(args).env_remove("KUBERNETES_SERVICE_HOST");
    command
}

impl Server {
    /// Starts it with further flags.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::of(Folder::new("lifecycle"), flags).await
    }

    /// Starts it with further flags, which may name files of the folder.
    pub(crate) async fn of(folder: Folder, flags: &[&str]) -> Self {
        let mut command = command(["serve", "--standalone"]);
        command.args(["--secure-port=0", "--admin-port=0"]).args(flags);
        Self::run(folder, command).await
    }

    /// Runs a command that starts a standalone server.
    pub(crate) async fn run(folder: Folder, command: Command) -> Self {
        // Nothing stays where it is killed.
        let temporary = folder.path().to_owned();
        Self::run_with_temporary(folder, command, &temporary).await
    }

    /// The same, with another folder for temporary files.
    pub(crate) async fn run_with_temporary(
        folder: Folder,
        mut command: Command,
        temporary: &Path,
    ) -> Self {
        command.env("TMPDIR", temporary);
        let log = folder.path().join("log");
        let mut process = Process::start(&command, &log);
        let (secure, admin) = until("the addresses", PATIENCE, async || {
            assert!(process.ended().is_none(), "portcullis ended: {}", process.log_tail());
            let text = fs::read_to_string(&log).unwrap();
            // Its last line: what comes before is there, too.
            let is_last =
                |line: &str| line.ends_with(" | base64 -d") || line.starts_with("no samples");
            text.lines().find(|line| is_last(line))?;
            let line = text.lines().find(|line| line.starts_with("portcullis serves on "))?;
            let line = line.replace("localhost", "127.0.0.1");
            let mut addresses = line.split("://").skip(1);
            let mut next = || addresses.next()?.split(',').next()?.parse().ok();
            next().zip(next())
        })
        .await;
        Self { process, folder, secure, admin }
    }

    /// Writes a file beside those of the server.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        self.folder.write(name, contents)
    }

    /// All that it has written to stdout and stderr.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The lines of its log, where that is JSON.
    pub(crate) fn log(&self) -> Vec<Value> {
        let output = self.output();
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The first line of the log that says this, once it is there.
    pub(crate) async fn logged(&self, message: &str) -> Value {
        until(&format!("{message:?} in the log"), PATIENCE, async || {
            self.log().into_iter().find(|line| line["message"] == message)
        })
        .await
    }

    /// The certificate of the CA that it made.
    pub(crate) fn ca(&self) -> String {
        fs::read_to_string(self.ca_file()).unwrap()
    }

    /// Where that is, as it says.
    pub(crate) fn ca_file(&self) -> PathBuf {
        let output = self.output();
        let mut lines = output.lines();
        let file = lines.find_map(|line| line.strip_prefix("its certificate is signed by "));
        file.expect("the CA's file").into()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Client::connect(self.secure, &self.ca(), &[]).await.unwrap()
    }

    /// The answer to a review, on a connection of its own.
    pub(crate) async fn ask(&self, path: &str, review: &str) -> Value {
        ask(&mut self.connect().await, path, review).await
    }

    /// A page of the second port.
    pub(crate) async fn page(&self, path: &str) -> Answer {
        let stream = TcpStream::connect(self.admin).await.unwrap();
        Client::over(stream).get(path).await
    }

    /// A metric's value, by its name and labels as they are written. None while there is no such.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let page = self.page("/metrics").await.body;
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }

    /// Waits for a metric to have a value.
    pub(crate) async fn await_metric(&self, series: &str, expected: f64) {
        until(&format!("{series} to be {expected}"), PATIENCE, async || {
            (self.metric(series).await == Some(expected)).then_some(())
        })
        .await;
    }

    /// A signal, such as `TERM`.
    pub(crate) fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("portcullis to end", PATIENCE, async || self.process.ended()).await
    }
}

/// Posts a review and reads the review that answers it.
pub(crate) async fn ask(connection: &mut Connection, path: &str, review: &str) -> Value {
    let answer = connection.post(path, review.as_bytes()).await;
    assert_eq!(answer.status(), 200, "{}", answer.body);
    serde_json::from_str::<Value>(&answer.body).unwrap()["response"].take()
}
