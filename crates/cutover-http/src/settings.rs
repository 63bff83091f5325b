//! What every configuration that goes through a pipeline lets its user set.

/// The settings that a configuration hands on to its pipeline: `transport`, `clock`, `limits` and `retry`.
///
/// Stands in the `impl` of a builder by value that has a [`PipelineBuilder`](crate::PipelineBuilder) in its field
/// `pipeline`.
///
/// ```
/// use cutover_http::{PipelineBuilder, RetryPolicy};
///
/// #[must_use]
/// pub struct Config {
///     pipeline: PipelineBuilder,
/// }
///
/// impl Config {
///     cutover_http::pipeline_settings!();
/// }
///
/// fn impatient(config: Config) -> Config {
///     config.retry(RetryPolicy::never())
/// }
/// ```
#[macro_export]
macro_rules! pipeline_settings {
    () => {
        /// What carries the requests; by default the network.
        pub fn transport(mut self, transport: ::std::sync::Arc<dyn $crate::Transport>) -> Self {
            self.pipeline = self.pipeline.transport(transport);
            self
        }

        /// The clock by which waits and lifetimes are counted; by default the machine's own.
        pub fn clock(mut self, clock: ::std::sync::Arc<dyn ::cutover_core::Clock>) -> Self {
            self.pipeline = self.pipeline.clock(clock);
            self
        }

        /// How long a call may take and how much of its answer is kept.
        pub fn limits(mut self, limits: $crate::Limits) -> Self {
            self.pipeline = self.pipeline.limits(limits);
            self
        }

        /// How often and how patiently a call is sent again where that is safe.
        pub fn retry(mut self, policy: $crate::RetryPolicy) -> Self {
            self.pipeline = self.pipeline.retry(policy);
            self
        }
    };
}
