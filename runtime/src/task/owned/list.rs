#![expect(
    unsafe_code,
    reason = "an intrusive list: its nodes are the tasks themselves"
)]
//! A doubly linked list of tasks, threaded through their headers.
//!
//! Being in the list is one reference of the task, so that the list can neither
//! outlive nor forget one. **Linked**: the links of a task are those of a list
//! exactly if it is that list's head, or has a previous neighbour; they are
//! accessed only through `&mut List`.

use crate::task::header::{Header, Links};
use crate::task::notified::Task;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The tasks of one shard, newest first.
pub(super) struct List<S> {
    head: Option<NonNull<Header>>,
    tail: Option<NonNull<Header>>,
    tasks: PhantomData<Task<S>>,
}

// SAFETY: a list consists of references, and a reference is `Send`.
unsafe impl<S> Send for List<S> {}

impl<S> List<S> {
    pub(super) fn new() -> Self {
        Self {
            head: None,
            tail: None,
            tasks: PhantomData,
        }
    }

    /// Adds a task at the front.
    ///
    /// # Safety
    ///
    /// The task has never been in a list before.
    pub(super) unsafe fn push_front(&mut self, task: Task<S>) {
        let node = task.into_raw();
        // SAFETY: the node's reference is the list's from here on.
        unsafe {
            set_links(
                node,
                Links {
                    previous: None,
                    next: self.head,
                },
            )
        };
        match self.head {
            // SAFETY: the head is in the list.
            Some(head) => unsafe { update_links(head, |links| links.previous = Some(node)) },
            None => self.tail = Some(node),
        }
        self.head = Some(node);
    }

    /// Takes the task at the back, the oldest one.
    pub(super) fn pop_back(&mut self) -> Option<Task<S>> {
        let node = self.tail?;
        // SAFETY: the tail is in the list.
        unsafe { self.unlink(node) };
        // SAFETY: the list's reference is passed on.
        Some(unsafe { Task::from_raw(node) })
    }

    /// Takes a task out, if it is still in.
    ///
    /// # Safety
    ///
    /// The task has never been in another list.
    pub(super) unsafe fn remove(&mut self, task: &Task<S>) -> Option<Task<S>> {
        let node = task.as_raw();
        // SAFETY: `task` is a reference; its links are this list's, or none's.
        let links = unsafe { get_links(node) };
        if links.previous.is_none() && self.head != Some(node) {
            return None;
        }
        // SAFETY: it is in the list (**Linked**).
        unsafe { self.unlink(node) };
        // SAFETY: the list's reference is passed on.
        Some(unsafe { Task::from_raw(node) })
    }

    /// # Safety
    ///
    /// `node` is in the list. Its reference becomes the caller's.
    unsafe fn unlink(&mut self, node: NonNull<Header>) {
        // SAFETY: as the caller promises.
        let links = unsafe { get_links(node) };
        match links.previous {
            // SAFETY: the neighbours of a node in the list are in it as well.
            Some(previous) => unsafe { update_links(previous, |it| it.next = links.next) },
            None => self.head = links.next,
        }
        match links.next {
            // SAFETY: as above.
            Some(next) => unsafe { update_links(next, |it| it.previous = links.previous) },
            None => self.tail = links.previous,
        }
        // SAFETY: the list's reference is only now given up.
        unsafe { set_links(node, Links::default()) };
    }
}

impl<S> Drop for List<S> {
    fn drop(&mut self) {
        while let Some(task) = self.pop_back() {
            drop(task);
        }
    }
}

/// # Safety
///
/// The caller has a reference of the task at `node`, and access to its links.
unsafe fn get_links(node: NonNull<Header>) -> Links {
    // SAFETY: the reference keeps the header alive.
    let links = unsafe { &(*node.as_ptr()).links };
    // SAFETY: as the caller promises.
    links.with(|links| unsafe { *links })
}

/// # Safety
///
/// As [`get_links`], exclusively.
unsafe fn set_links(node: NonNull<Header>, to: Links) {
    // SAFETY: as the caller promises.
    unsafe { update_links(node, |links| *links = to) };
}

/// # Safety
///
/// As [`get_links`], exclusively.
unsafe fn update_links(node: NonNull<Header>, update: impl FnOnce(&mut Links)) {
    // SAFETY: the reference keeps the header alive.
    let links = unsafe { &(*node.as_ptr()).links };
    links.with_mut(|links| {
        // SAFETY: as the caller promises.
        update(unsafe { &mut *links });
    });
}
