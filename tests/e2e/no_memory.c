/* Loaded in front of libc (LD_PRELOAD): from SIGUSR2 on the process gets no memory any more, as
   where a limit is reached or a machine is full. The server has an allocator of its own and is not
   concerned; its workers are. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

static volatile sig_atomic_t is_full;

static void fill(int signal_number) {
  (void)signal_number;
  is_full = 1;
}

__attribute__((constructor)) static void wait_for_signal(void) {
  signal(SIGUSR2, fill);
}

static void* refuse(void) {
  errno = ENOMEM;
  return NULL;
}

void* malloc(size_t size) {
  return is_full ? refuse() : __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  return is_full ? refuse() : __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) {
  return is_full ? refuse() : __libc_realloc(memory, size);
}

void* memalign(size_t alignment, size_t size) {
  return is_full ? refuse() : __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

int posix_memalign(void** memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}
