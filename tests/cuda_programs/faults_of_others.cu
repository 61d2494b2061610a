// Other processes on the same GPU write where nothing is, trap, take all memory and die, and never end. Each of them
// gets CUDA's error, or is killed, and pays for itself alone: this process computes before, meanwhile and after.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "check.h"

extern char** environ;

__global__ void write_index(int* out) {
  out[threadIdx.x] = threadIdx.x;
}
__global__ void write_to(int* address) {
  *address = 42;
}
__global__ void trap_at_once() {
  __trap();
}
__global__ void never_end(volatile int* go_on) {
  while (*go_on) {
  }
}

void still_works() {
  DeviceArray<int> out(64);
  write_index<<<1, 64>>>(out.data());
  const std::vector<int> got = out.to_host();
  for (int i = 0; i < 64; ++i) EXPECT(got[i] == i);
}

// -- what the others do; none of them returns from its fault to anything but its end

// The code of the next wait, which is also that of everything after it.
int sticky_error() {
  const cudaError_t error = cudaDeviceSynchronize();
  EXPECT(error != cudaSuccess);
  void* memory = nullptr;
  EXPECT_ERROR(cudaMalloc(&memory, 1 << 20), error);
  EXPECT_ERROR(cudaDeviceSynchronize(), error);
  return error;
}

int misbehave(const std::string& how) {
  int* memory = nullptr;
  CUDA_CHECK(cudaMalloc(&memory, 64 << 20));
  if (how == "write-nowhere") {
    write_to<<<1, 1>>>(reinterpret_cast<int*>(0x10));
    EXPECT(sticky_error() == cudaErrorIllegalAddress);
  } else if (how == "write-misaligned") {
    write_to<<<1, 1>>>(reinterpret_cast<int*>(reinterpret_cast<char*>(memory) + 1));
    EXPECT(sticky_error() == cudaErrorMisalignedAddress);
  } else if (how == "trap") {
    trap_at_once<<<1, 1>>>();
    const int error = sticky_error();
    EXPECT(error == cudaErrorLaunchFailure || error == cudaErrorIllegalInstruction);
  } else if (how == "take-all") {
    void* more = nullptr;
    cudaError_t error;
    while ((error = cudaMalloc(&more, 256 << 20)) == cudaSuccess) {
    }
    EXPECT(error == cudaErrorMemoryAllocation);
    still_works();  // lack of memory does not stick
    raise(SIGKILL);
  } else if (how == "never-end") {
    CUDA_CHECK(cudaMemset(memory, 1, sizeof *memory));
    never_end<<<1, 1>>>(memory);
    EXPECT_ERROR(cudaStreamQuery(nullptr), cudaErrorNotReady);
    std::puts("at work");
    std::fflush(stdout);
    cudaDeviceSynchronize();
    fail("a kernel without an end has ended");
  }
  return 0;
}

// -- this process

struct Other {
  pid_t pid = 0;
  std::FILE* said = nullptr;  // its stdout

  explicit Other(const char* how) {
    int ends[2];
    EXPECT(pipe(ends) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    char* arguments[] = {const_cast<char*>("other"), const_cast<char*>(how), nullptr};
    EXPECT(posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    said = fdopen(ends[0], "r");
  }

  std::string line() {
    char text[512] = "";
    if (!std::fgets(text, sizeof text, said)) return "";
    return text;
  }

  int end() {
    const std::string words = line();
    int status = 0;
    EXPECT(waitpid(pid, &status, 0) == pid);
    std::fclose(said);
    if (!words.empty()) fail("another process said: %s", words.c_str());
    return status;
  }
};

size_t free_bytes() {
  size_t free = 0, total = 0;
  CUDA_CHECK(cudaMemGetInfo(&free, &total));
  return free;
}

// The memory of a killed process comes back when its killer's work is done, which takes a moment.
void wait_for_free_bytes(size_t wanted) {
  for (int patience = 0; patience < 2000 && free_bytes() < wanted; ++patience) usleep(10000);
  if (free_bytes() < wanted) fail("%zu bytes are free, there were %zu before", free_bytes(), wanted);
}

int main(int count, char** arguments) {
  if (count > 1) return misbehave(arguments[1]);
  still_works();
  const size_t before = free_bytes();
  for (const char* how : {"write-nowhere", "write-misaligned", "trap"}) {
    EXPECT(Other(how).end() == 0);
    still_works();
  }
  Other greedy("take-all");
  const int status = greedy.end();
  EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  wait_for_free_bytes(before);
  still_works();

  Other endless("never-end");
  EXPECT(endless.line() == "at work\n");
  EXPECT(free_bytes() < before);
  for (int i = 0; i < 3; ++i) still_works();
  EXPECT(kill(endless.pid, SIGKILL) == 0);
  endless.end();
  wait_for_free_bytes(before);
  still_works();
  return pass("faults_of_others", "others=5");
}
