//! Judges the running pods of a namespace whose policy becomes stricter, page by page.

use std::time::{Duration, Instant};

use admission::{PodScan, Scan, Unlisted};

use crate::{
    cluster::{ApiError, Cluster, Following, PodPage, PodPages},
    server::{Intake, Peer},
};

use super::InForce;

/// Maximum time to judge the pods when a namespace is updated, as upstream.
const MAX_SCAN: Duration = Duration::from_secs(1);

/// When to stop judging pods for a request with this deadline.
pub(super) fn deadline(answer_by: Instant) -> Instant {
    let now = Instant::now();
    now + MAX_SCAN.min(answer_by.saturating_duration_since(now) / 2)
}

/// Lists and judges pods.
pub(super) struct Scanner<'w> {
    pub(super) cluster: &'w Cluster,
    pub(super) intake: &'w Intake,
    pub(super) peer: Peer,
    pub(super) in_force: &'w InForce,
    pub(super) deadline: Instant,
}

impl Scanner<'_> {
    /// Judges the pods. Also returns the error that ended it early, if any.
    pub(super) async fn run(&self, scan: PodScan) -> (Scan, Option<ApiError>) {
        let namespace = scan.namespace().to_owned();
        let deadline = self.deadline.into();
        let pages = self.cluster.pods.list(&namespace, self.intake, self.peer, deadline).await;
        match pages {
            Ok(pages) => self.read(pages, scan).await,
            Err(error) => (scan.fail(error.to_string()), Some(error)),
        }
    }

    async fn read(&self, mut pages: PodPages<'_>, mut scan: PodScan) -> (Scan, Option<ApiError>) {
        let mut unlisted = None;
        loop {
            let judged = match pages.next().await {
                Ok(None) => return finish(scan, unlisted.unwrap_or(Unlisted::Known(0))),
                Ok(Some(page)) => {
                    let judged;
                    (scan, judged) = self.judge(page, scan).await;
                    judged
                }
                Err(error) => Err(error),
            };
            match (judged, unlisted) {
                (Ok(following), _) => {
                    unlisted =
                        Some(following.unlisted().map_or(Unlisted::Unknown, Unlisted::Known));
                    if Instant::now() < self.deadline && scan.has_room() {
                        pages.follow(following);
                    }
                }
                // Reports the pods judged so far.
                (Err(error), Some(unlisted)) => return (scan.finish(unlisted), Some(error)),
                (Err(error), None) => return (scan.fail(error.to_string()), Some(error)),
            }
        }
    }

    async fn judge(
        &self,
        page: PodPage,
        mut scan: PodScan,
    ) -> (PodScan, Result<Following, ApiError>) {
        let (in_force, deadline) = (self.in_force.clone(), self.deadline);
        let bytes = page.size();
        let work = move || {
            let following = page.read(|pods, to_come| {
                let is_time_up = || Instant::now() >= deadline;
                scan.page(pods, to_come.unwrap_or_default(), in_force.context(), is_time_up);
            });
            (scan, following)
        };
        self.intake.work(self.peer, bytes, work).await
    }
}

/// Ends without an error from the API server: at the last pod, at the deadline, or at the maximum number of pods.
fn finish(scan: PodScan, unlisted: Unlisted) -> (Scan, Option<ApiError>) {
    let is_late = unlisted != Unlisted::Known(0) && scan.has_room();
    (scan.finish(unlisted), is_late.then_some(ApiError::Timeout))
}
