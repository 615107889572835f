//! The standard traits of a set: shown, empty by default, filled by iterators.

use super::JoinSet;
use std::fmt;

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Spawns every future of an iterator on the current runtime.
///
/// # Panics
///
/// Panics outside of a runtime, if there is anything to spawn.
///
/// # Examples
///
/// ```
/// use filch::task::JoinSet;
///
/// #[filch::main]
/// async fn main() {
///     let set: JoinSet<_> = (0..10).map(|number| async move { number }).collect();
///     assert_eq!(set.join_all().await.len(), 10);
/// }
/// ```
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(tasks: I) -> Self {
        let mut set = Self::new();
        set.extend(tasks);
        set
    }
}

/// Spawns every future of an iterator on the current runtime.
///
/// # Panics
///
/// Panics outside of a runtime, if there is anything to spawn.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, tasks: I) {
        for task in tasks {
            self.spawn(task);
        }
    }
}
