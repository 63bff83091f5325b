//! Lists that come page by page.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use cutover_core::{Call, NotSent, RotateError};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};

/// How many empty pages in a row are followed. A vendor that leaves out what the caller may not see gives some; a
/// hundred of them, 10 000 hidden items on pages of the usual size, look like a fault.
const EMPTY_PAGES_MAX: u32 = 100;

/// One page of a list, and the request for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T, N> {
    /// What is on it, in the vendor's order. A page that is not the last may be short or empty.
    pub items: Vec<T>,
    /// How many items there are on all pages, where the vendor says so.
    pub total: Option<u64>,
    /// What to ask for next; `None` on the last page.
    pub next: Option<N>,
}

impl<T, N> Page<T, N> {
    /// A page that says itself where the next one is.
    pub fn new(items: Vec<T>, total: Option<u64>, next: Option<N>) -> Self {
        Self { items, total, next }
    }

    /// A page of a list that is counted through: `next` makes the request for the page that begins at an offset.
    ///
    /// It is the last one when `total` says so, or, where there is no total, when it is empty.
    pub fn counted(items: Vec<T>, total: Option<u64>, place: Place, next: impl FnOnce(u64) -> N) -> Self {
        let shown = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let end = place.offset.saturating_add(shown.max(place.stride.unwrap_or_default()));
        let is_last = total.map_or(items.is_empty(), |total| total <= end);
        Self { items, total, next: (!is_last).then(|| next(end)) }
    }
}

/// Where a page of a list stands that is counted through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    offset: u64,
    stride: Option<u64>,
}

impl Place {
    /// At so many items from the beginning. The next page begins after the items that are shown, however few: none is
    /// skipped when a page comes short.
    pub fn at(offset: u64) -> Self {
        Self { offset, stride: None }
    }

    /// The same, of a vendor that takes so many items for a page and then leaves out what the caller may not see: the
    /// next page begins after those that it took.
    #[must_use]
    pub fn taking(mut self, stride: Option<u64>) -> Self {
        self.stride = stride;
        self
    }
}

/// Every item of a list, over all its pages.
///
/// A [`Stream`] that asks for a page when the items of the one before are used up, and for none before the first is
/// wanted. An error ends it: what came before it is right, and incomplete. Dropping it is safe.
///
/// ```
/// # use cutover_core::{Call, RotateError, Vendor};
/// # use cutover_http::{Listing, Page};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RotateError> {
/// // What a client's `…_all` gives; here of two pages, asked for by number.
/// let call = Call::new(Vendor::from_static("acme"), "keys.list");
/// let mut keys = Listing::new(call, 1, |page| async move {
///     Ok(match page {
///         1 => Page::new(vec!["a", "b"], Some(3), Some(2)),
///         _ => Page::new(vec!["c"], Some(3), None),
///     })
/// });
/// let mut seen = Vec::new();
/// while let Some(key) = keys.next().await {
///     seen.push(key?);
/// }
/// assert_eq!(seen, ["a", "b", "c"]);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is asked for before the first item is"]
pub struct Listing<T>(BoxStream<'static, Result<T, RotateError>>);

impl<T: Send + 'static> Listing<T> {
    /// The list that begins with the page `first` and is asked for by `fetch`.
    ///
    /// It ends with an error where the vendor's pages lead in a circle, whatever its length, or where a hundred of them
    /// in a row are empty. `call` is what such an error names. A vendor that fills ever new pages is followed for as
    /// long as it is asked.
    pub fn new<N, F, Fut>(call: Call, first: N, fetch: F) -> Self
    where
        N: Clone + PartialEq + Send + 'static,
        F: Fn(N) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Page<T, N>, RotateError>> + Send + 'static,
    {
        let pages = stream::try_unfold(Way::new(call, first), move |mut way| {
            let fetching = way.take_next().map(|next| next.map(&fetch));
            async move {
                let Some(fetching) = fetching? else { return Ok::<_, RotateError>(None) };
                let page = fetching.await?;
                way.follow(page.items.is_empty(), page.next);
                Ok(Some((stream::iter(page.items).map(Ok), way)))
            }
        });
        Self(pages.try_flatten().boxed())
    }

    /// The next item; `None` at the end of the list, and after an error.
    ///
    /// Dropping the future is safe: no item is lost.
    pub async fn next(&mut self) -> Option<Result<T, RotateError>> {
        self.0.next().await
    }
}

impl<T> Stream for Listing<T> {
    type Item = Result<T, RotateError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").finish_non_exhaustive()
    }
}

/// The way from page to page, and a look-out for circles.
///
/// By Brent's method: one request of the past is remembered, a later one each time the way has doubled, so that a circle
/// of any length comes back to it.
struct Way<N> {
    call: Call,
    next: Result<Option<N>, RotateError>,
    mark: N,
    steps: u64,
    steps_max: u64,
    empty: u32,
}

impl<N: Clone + PartialEq> Way<N> {
    fn new(call: Call, first: N) -> Self {
        Self { call, next: Ok(Some(first.clone())), mark: first, steps: 0, steps_max: 1, empty: 0 }
    }

    fn take_next(&mut self) -> Result<Option<N>, RotateError> {
        std::mem::replace(&mut self.next, Ok(None))
    }

    /// Goes on to `next`. A fault shows when it is asked for, after the items that came before it.
    fn follow(&mut self, is_empty: bool, next: Option<N>) {
        self.empty = if is_empty { self.empty + 1 } else { 0 };
        self.next = match next {
            Some(next) if next == self.mark => Err(self.fault("the vendor's pages lead in a circle")),
            Some(_) if self.empty >= EMPTY_PAGES_MAX => Err(self.fault("too many of the vendor's pages are empty")),
            Some(next) => {
                self.steps += 1;
                if self.steps == self.steps_max {
                    self.mark = next.clone();
                    self.steps_max = self.steps_max.saturating_mul(2);
                    self.steps = 0;
                }
                Ok(Some(next))
            }
            None => Ok(None),
        };
    }

    fn fault(&self, reason: &'static str) -> RotateError {
        NotSent::misuse(self.call.clone(), reason).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use cutover_core::{NoAnswer, Vendor};
    use proptest::prelude::*;

    fn call() -> Call {
        Call::new(Vendor::from_static("acme"), "keys.list")
    }

    type Answer = Result<Page<u64, u64>, RotateError>;

    /// A list whose pages are asked for by number, from 0, and how many were.
    fn listing(page: impl Fn(u64) -> Answer + Send + 'static) -> (Listing<u64>, Arc<AtomicU64>) {
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        let fetch = move |number| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready(page(number))
        };
        (Listing::new(call(), 0, fetch), asked)
    }

    /// What came, and the error at its end.
    async fn all(mut listing: Listing<u64>) -> (Vec<u64>, Option<String>) {
        let mut items = Vec::new();
        let mut error = None;
        while let Some(item) = listing.next().await {
            match item {
                Ok(item) => items.push(item),
                Err(found) => assert!(error.replace(found.to_string()).is_none(), "an error ends it"),
            }
        }
        assert!(listing.next().await.is_none(), "the end is the end");
        (items, error)
    }

    fn page(items: &[u64], next: Option<u64>) -> Answer {
        Ok(Page::new(items.to_vec(), None, next))
    }

    #[tokio::test]
    async fn a_page_is_asked_for_when_the_one_before_is_used_up() {
        let (mut listing, asked) = listing(|number| page(&[10 * number, 10 * number + 1], Some(number + 1)));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        for (item, pages) in [(0, 1), (1, 1), (10, 2), (11, 2), (20, 3)] {
            assert_eq!(listing.next().await.expect("there").expect("no error"), item);
            assert_eq!(asked.load(Ordering::Relaxed), pages);
        }
    }

    #[tokio::test]
    async fn short_and_empty_pages_are_gone_through() {
        let (listing, _) = listing(|number| match number {
            0 => page(&[], Some(1)),
            1 => page(&[7], Some(2)),
            2 => page(&[], Some(3)),
            _ => page(&[8, 9], None),
        });
        assert_eq!(all(listing).await, (vec![7, 8, 9], None));
    }

    #[tokio::test]
    async fn an_error_ends_the_list_after_what_came_before_it() {
        let (listing, asked) = listing(|number| match number {
            0 => page(&[1], Some(1)),
            _ => Err(NoAnswer::new(call(), "lost").into()),
        });
        let (items, error) = all(listing).await;
        assert_eq!(
            (items, error.as_deref()),
            (vec![1], Some("acme keys.list got no answer that can be relied on: lost"))
        );
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn empty_pages_do_not_go_on_for_ever() {
        let (listing, asked) = listing(|number| page(&[], Some(number + 1)));
        let (items, error) = all(listing).await;
        assert!(items.is_empty() && error.expect("an error").contains("pages are empty"));
        assert_eq!(asked.load(Ordering::Relaxed), u64::from(EMPTY_PAGES_MAX));
    }

    #[tokio::test]
    async fn a_page_that_leads_to_itself_is_asked_for_once() {
        let (listing, asked) = listing(|_| page(&[1], Some(0)));
        let (items, error) = all(listing).await;
        assert_eq!(items, [1]);
        assert!(error.expect("an error").contains("in a circle"));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    proptest! {
        /// A way of so many pages into a circle of so many.
        #[test]
        fn a_circle_of_any_length_is_noticed(before in 0_u64..40, length in 1_u64..40) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let next = move |number| if number + 1 < before + length { number + 1 } else { before };
            let (listing, asked) = listing(move |number| page(&[number], Some(next(number))));
            let (items, error) = runtime.block_on(all(listing));
            prop_assert!(error.expect("an error").contains("in a circle"));
            prop_assert_eq!(&items[..usize::try_from(before + length).expect("small")],
                &(0..before + length).collect::<Vec<_>>()[..]);
            prop_assert!(asked.load(Ordering::Relaxed) <= 4 * (before + length));
        }

        /// Whatever the sizes of the pages and whether or not the total is told: every item once, in order.
        #[test]
        fn a_counted_list_is_whole(total in 0_u64..60, sizes in prop::collection::vec(1_u64..7, 60), told: bool) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let (listing, _) = listing(move |offset| {
                let size = sizes[usize::try_from(offset).expect("small").min(59)];
                let items: Vec<u64> = (offset..total.min(offset + size)).collect();
                Ok(Page::counted(items, told.then_some(total), Place::at(offset), |offset| offset))
            });
            prop_assert_eq!(runtime.block_on(all(listing)), ((0..total).collect(), None));
        }

        /// A vendor that takes so many and shows some of them: every one that it shows once.
        #[test]
        fn a_counted_list_with_hidden_items_is_whole(
            shown in prop::collection::vec(any::<bool>(), 0..60), stride in 1_u64..7,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let total = u64::try_from(shown.len()).expect("small");
            let expected: Vec<u64> = (0..).zip(&shown).filter(|(_, shown)| **shown).map(|(number, _)| number).collect();
            let visible = expected.clone();
            let (listing, _) = listing(move |offset| {
                let taken = offset..offset + stride;
                let items: Vec<u64> = visible.iter().copied().filter(|item| taken.contains(item)).collect();
                Ok(Page::counted(items, Some(total), Place::at(offset).taking(Some(stride)), |offset| offset))
            });
            prop_assert_eq!(runtime.block_on(all(listing)), (expected, None));
        }
    }

    #[tokio::test]
    async fn an_empty_page_before_the_end_of_a_counted_list_is_an_error() {
        let (listing, asked) = listing(|offset| {
            let items = if offset == 0 { vec![1, 2] } else { vec![] };
            Ok(Page::counted(items, Some(9), Place::at(offset), |offset| offset))
        });
        let (items, error) = all(listing).await;
        assert_eq!((items, asked.load(Ordering::Relaxed)), (vec![1, 2], 2));
        assert!(error.is_some(), "an incomplete list does not pass for a whole one");
    }
}
