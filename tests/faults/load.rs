//! Steady load through the API server: a constant rate of pods, whatever the responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::support::{
    objects::{compliant, pods, privileged},
    user::{Answer, User},
};

/// A running load.
pub(crate) struct Load {
    start: Instant,
    stop: Arc<AtomicBool>,
    task: JoinSet<Report>,
}

/// The results.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) times: Vec<Duration>,
    /// Time since the start, and the wrong response.
    pub(crate) failures: Vec<(Duration, String)>,
    /// Pods that should have been denied.
    pub(crate) admitted: usize,
}

impl Load {
    /// Creates pods with dry run in a namespace that enforces restricted. Every fourth is privileged.
    pub(crate) fn start(user: &User, namespace: &str, a_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let run = run(user.clone(), namespace.to_owned(), a_second, start, Arc::clone(&stop));
        let mut task = JoinSet::new();
        task.spawn(run);
        Self { start, stop, task }
    }

    /// The time since the start, as in [`Report::failures`].
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Stops the load, and waits for pending requests.
    pub(crate) async fn end(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.task.join_all().await.remove(0)
    }
}

async fn run(
    user: User,
    namespace: String,
    a_second: u32,
    start: Instant,
    stop: Arc<AtomicBool>,
) -> Report {
    let path: Arc<str> = format!("{}?dryRun=All", pods(&namespace)).into();
    let mut ticks = interval(Duration::from_secs(1) / a_second);
    // Open loop: a slow server gets as many requests.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asked = JoinSet::new();
    for count in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        ticks.tick().await;
        let (user, path) = (user.clone(), Arc::clone(&path));
        asked.spawn(async move {
            let is_bad = count % 4 == 0;
            let pod = if is_bad { privileged("load") } else { compliant("load") };
            let asked = Instant::now();
            let answer = user.try_create(&path, &pod).await;
            // Keeps little data, because a long run sends hundreds of thousands of requests.
            (asked - start, Outcome::of(is_bad, answer, asked.elapsed()))
        });
    }
    let mut report = Report::default();
    while let Some(asked) = asked.join_next().await {
        match asked.unwrap() {
            (_, Outcome::Right(time)) => report.times.push(time),
            (_, Outcome::WronglyAdmitted) => report.admitted += 1,
            (at, Outcome::Failed(why)) => report.failures.push((at, why)),
        }
    }
    report
}

/// The result of one request.
enum Outcome {
    Right(Duration),
    WronglyAdmitted,
    Failed(String),
}

impl Outcome {
    fn of(is_bad: bool, answer: Result<Answer, kube::Error>, time: Duration) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Self::Failed(error.to_string()),
        };
        let is_right = if is_bad {
            answer.code == 403 && answer.message().contains("violates PodSecurity")
        } else {
            answer.code == 201
        };
        match answer.code {
            _ if is_right => Self::Right(time),
            201 => Self::WronglyAdmitted,
            code => Self::Failed(format!("{code}: {}", answer.message())),
        }
    }
}
