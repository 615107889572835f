/*
 * What ThreadSanitizer cannot see in a program whose standard library was not
 * compiled with it, told to it at link time (ld's --wrap).
 *
 * - A fence makes no order for the sanitizer. The standard library's `Arc` drops
 *   its value after `fetch_sub(Release)` and, where that was the last reference,
 *   `fence(Acquire)`. Here such a `fetch_sub` acquires as well. What is lost: a
 *   missing acquire after a releasing `fetch_sub` of 64 bits. filch has none:
 *   its own counts go down with AcqRel or SeqCst.
 * - The slow paths of the standard library's futex locks are compiled code, not
 *   instrumented: what they acquire and release is said here. The fast paths are
 *   inlined into the caller, and instrumented there.
 * - The same goes for the end of a scoped thread.
 *
 * Besides, the sanitizer starts the program that tells it the names of functions
 * when it first needs one, and holds pipes to it from then on. Some tests count the
 * files of their process; so it is started before them.
 *
 * The mangled names differ from compiler to compiler; `run` finds them and passes
 * them as macros. Without one of them the sanitizer reports
 * races where there is none: too much, not too little.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RELEASE = 3, ACQ_REL = 4 };

void __tsan_acquire(void *);
void __tsan_release(void *);

int64_t __real___tsan_atomic64_fetch_sub(volatile int64_t *, int64_t, int);

int64_t __wrap___tsan_atomic64_fetch_sub(volatile int64_t *word, int64_t operand, int order) {
    return __real___tsan_atomic64_fetch_sub(word, operand, order == RELEASE ? ACQ_REL : order);
}

#define SLOW_PATH_THAT_LOCKS(function, symbol)            \
    void function##_real(void *) __asm__("__real_" symbol); \
    void function(void *) __asm__("__wrap_" symbol);        \
    void function(void *lock) {                             \
        function##_real(lock);                              \
        __tsan_acquire(lock);                               \
    }

#ifdef MUTEX_LOCK_CONTENDED
SLOW_PATH_THAT_LOCKS(mutex_lock, MUTEX_LOCK_CONTENDED)
#endif
#ifdef RWLOCK_READ_CONTENDED
SLOW_PATH_THAT_LOCKS(rwlock_read, RWLOCK_READ_CONTENDED)
#endif
#ifdef RWLOCK_WRITE_CONTENDED
SLOW_PATH_THAT_LOCKS(rwlock_write, RWLOCK_WRITE_CONTENDED)
#endif

#ifdef CONDVAR_WAIT
void wait_real(void *, void *) __asm__("__real_" CONDVAR_WAIT);
void wait(void *, void *) __asm__("__wrap_" CONDVAR_WAIT);
void wait(void *condvar, void *mutex) {
    __tsan_release(mutex);
    wait_real(condvar, mutex);
    __tsan_acquire(mutex);
}
#endif

#ifdef CONDVAR_WAIT_TIMEOUT
/* A `Duration` is passed as its two fields. */
bool wait_timeout_real(void *, void *, uint64_t, uint32_t) __asm__("__real_" CONDVAR_WAIT_TIMEOUT);
bool wait_timeout(void *, void *, uint64_t, uint32_t) __asm__("__wrap_" CONDVAR_WAIT_TIMEOUT);
bool wait_timeout(void *condvar, void *mutex, uint64_t seconds, uint32_t nanoseconds) {
    __tsan_release(mutex);
    bool notified = wait_timeout_real(condvar, mutex, seconds, nanoseconds);
    __tsan_acquire(mutex);
    return notified;
}
#endif

#ifdef SCOPED_THREAD_ENDS
/* Which of its words is the count is the standard library's business. */
enum { WORDS = 3 };
void scoped_thread_ends_real(void *, bool) __asm__("__real_" SCOPED_THREAD_ENDS);
void scoped_thread_ends(void *, bool) __asm__("__wrap_" SCOPED_THREAD_ENDS);
void scoped_thread_ends(void *scope, bool has_panicked) {
    for (int word = 0; word < WORDS; word++) {
        __tsan_release((int64_t *)scope + word);
    }
    scoped_thread_ends_real(scope, has_panicked);
}
#endif

void __sanitizer_symbolize_pc(void *, const char *, char *, size_t);

__attribute__((constructor)) static void start_symbolizer(void) {
    char name[64];
    __sanitizer_symbolize_pc((void *)start_symbolizer, "%f", name, sizeof name);
}
