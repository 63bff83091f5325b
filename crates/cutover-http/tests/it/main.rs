//! What the pipeline holds to, on real sockets where the wire matters.

mod cut_answers;
mod exact_requests;
mod logs;
mod proxies;
mod raw;
mod redirects;
mod resending;
mod sent_once;
mod support;
mod time_limits;
