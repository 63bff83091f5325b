//! Several things at once, in an order that can be had again.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Something to do among others.
pub(crate) type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How many turns are given before whoever waits outside is let in: every task of a vendor in this process gets on with
/// every turn and is over long before; one that waits for a socket does not.
const TURNS_MAX: usize = 256;

/// Runs `tasks` to their ends, and gives what they gave in their order.
///
/// At each step one task that is not over gets on: the one that `schedule` names, counted among those. When the schedule
/// is over, it is always the first. Nothing else decides, so that the same schedule leads to the same run wherever
/// tasks wait for nothing but their turn.
pub(crate) async fn interleave<T: Send>(tasks: Vec<Task<'_, T>>, schedule: &[usize]) -> Vec<T> {
    let mut done: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    let mut under_way: Vec<(usize, Task<'_, T>)> = tasks.into_iter().enumerate().collect();
    let mut schedule = schedule.iter().copied();
    poll_fn(|context| {
        for _ in 0..TURNS_MAX {
            if under_way.is_empty() {
                return Poll::Ready(());
            }
            let turn = schedule.next().unwrap_or_default() % under_way.len();
            let (nth, task) = &mut under_way[turn];
            if let Poll::Ready(value) = task.as_mut().poll(context) {
                done[*nth] = Some(value);
                drop(under_way.remove(turn));
            }
        }
        // Everybody who waits has to be known to be waiting.
        let mut turn = 0;
        while let Some((nth, task)) = under_way.get_mut(turn) {
            match task.as_mut().poll(context) {
                Poll::Ready(value) => {
                    done[*nth] = Some(value);
                    drop(under_way.remove(turn));
                }
                Poll::Pending => turn += 1,
            }
        }
        if under_way.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    async fn turns(schedule: &[usize]) -> String {
        let log = Mutex::new(String::new());
        let task = |name: char| -> Task<'_, ()> {
            let log = &log;
            Box::pin(async move {
                for _ in 0..3 {
                    log.lock().expect("nobody panics").push(name);
                    tokio::task::yield_now().await;
                }
            })
        };
        interleave(vec![task('a'), task('b')], schedule).await;
        log.into_inner().expect("nobody panics")
    }

    #[tokio::test]
    async fn the_schedule_alone_says_whose_turn_it_is() {
        assert_eq!(turns(&[]).await, "aaabbb");
        assert_eq!(turns(&[0, 1, 0, 1, 0, 1]).await, "ababab");
        assert_eq!(turns(&[1, 1, 1, 1]).await, "bbbaaa");
        assert_eq!(turns(&[5, 5]).await, "bbaaab");
    }

    #[tokio::test]
    async fn what_waits_for_others_is_waited_for() {
        let (send, receive) = tokio::sync::oneshot::channel();
        let waits: Task<'_, u32> = Box::pin(async move { receive.await.expect("it is sent") });
        let sends: Task<'_, u32> = Box::pin(async move {
            send.send(7).expect("somebody waits");
            0
        });
        assert_eq!(interleave(vec![waits, sends], &[]).await, [7, 0]);
    }
}
