// Several threads at once in one session, for the thread sanitizer and for everybody else:
//
//   gpool-session-threads WORKERD FOLDER-OF-THE-DRIVER CLIENT shm|tcp [ROUNDS]
//
// starts a workerd of its own on an emulated GPU, loads the client driver and lets threads allocate, copy both ways,
// launch, record and wait for events, call host functions, load and unload code, and ask for memory; each in a stream
// of its own and some in a shared one. Every result is compared. Prints what failed and exits with 1 then.
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "calls/driver_table.h"

using gpool::calls::DriverTable;

namespace {

constexpr int kThreads = 4;
constexpr size_t kWords = 20'000;
constexpr const char* kKernel =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry add(.param .u64 data, .param .u32 value, .param .u32 count)\n{\n"
    ".reg .b32 %r<8>; .reg .b64 %d<4>; .reg .pred %p;\n"
    "ld.param.u64 %d1, [data]; ld.param.u32 %r1, [value]; ld.param.u32 %r7, [count];\n"
    "mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x; mad.lo.u32 %r5, %r2, %r3, %r4;\n"
    "setp.ge.u32 %p, %r5, %r7; @%p bra done;\n"
    "mul.wide.u32 %d2, %r5, 4; add.u64 %d3, %d1, %d2;\n"
    "ld.global.u32 %r6, [%d3]; add.u32 %r6, %r6, %r1; st.global.u32 [%d3], %r6;\ndone:\nret;\n}\n";

DriverTable cuda;
decltype(&cuLaunchHostFunc) launch_host_function = nullptr;  // the table has only what a worker calls
std::atomic<int> failures{0};

void check(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  std::fprintf(stderr, "%s answered %d\n", what, int(result));
  ++failures;
}
#define CHECK(call) check(cuda.call, #call)

void count_up(void* counter) {
  static_cast<std::atomic<int>*>(counter)->fetch_add(1);
}

void work(int number, int rounds, CUcontext context, CUstream shared) {
  CHECK(cuCtxSetCurrent(context));
  CUstream own = nullptr;
  CHECK(cuStreamCreate(&own, CU_STREAM_NON_BLOCKING));
  std::vector<uint32_t> values(kWords), back(kWords);
  void* pinned = nullptr;
  CHECK(cuMemHostAlloc(&pinned, kWords * 4, 0));
  std::atomic<int> called{0};
  for (int round = 0; round < rounds && failures == 0; ++round) {
    CUstream stream = round % 3 == 2 ? shared : own;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CHECK(cuModuleLoadData(&module, kKernel));
    CHECK(cuModuleGetFunction(&function, module, "add"));
    CUdeviceptr data = 0;
    CHECK(cuMemAlloc_v2(&data, kWords * 4 + size_t(number) * 256));
    for (size_t i = 0; i < kWords; ++i) values[i] = uint32_t(i * size_t(number + 1) + size_t(round));
    CHECK(cuMemcpyHtoDAsync_v2(data, values.data(), kWords * 4, stream));
    uint32_t value = uint32_t(1000 * number + round), count = kWords;
    void* parameters[] = {&data, &value, &count};
    CHECK(cuLaunchKernel(function, (kWords + 255) / 256, 1, 1, 256, 1, 1, 0, stream, parameters, nullptr));
    CUevent event = nullptr;
    CHECK(cuEventCreate(&event, CU_EVENT_DEFAULT));
    CHECK(cuEventRecord(event, stream));
    check(launch_host_function(stream, count_up, &called), "cuLaunchHostFunc");
    CHECK(cuMemcpyDtoHAsync_v2(pinned, data, kWords * 4, stream));
    CHECK(cuStreamWaitEvent(own, event, 0));
    size_t free_bytes = 0, total_bytes = 0;
    CHECK(cuMemGetInfo_v2(&free_bytes, &total_bytes));
    CHECK(cuStreamSynchronize(stream));
    if (called != round + 1) std::fprintf(stderr, "a host function was not called in time\n"), ++failures;
    CHECK(cuMemcpyDtoH_v2(back.data(), data, kWords * 4));
    for (size_t i = 0; i < kWords && failures == 0; ++i) {
      const uint32_t wanted = values[i] + value;
      if (back[i] == wanted && static_cast<uint32_t*>(pinned)[i] == wanted) continue;
      std::fprintf(stderr, "thread %d, round %d, word %zu: expected %u, got %u and %u\n", number, round, i, wanted,
                   back[i], static_cast<uint32_t*>(pinned)[i]);
      ++failures;
    }
    CHECK(cuEventSynchronize(event));
    CHECK(cuEventDestroy_v2(event));
    CHECK(cuMemFree_v2(data));
    CHECK(cuModuleUnload(module));
  }
  CHECK(cuMemFreeHost(pinned));
  CHECK(cuStreamDestroy_v2(own));
}

std::string value_of(const std::string& line, const std::string& key) {
  const size_t at = line.find(" " + key + "=");
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size() + 2;
  return line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

// Its pid, and the first line that it says.
pid_t start_workerd(const char* workerd, const char* driver, const std::string& state, std::string& ready) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]), close(ends[1]);
    setenv("GPOOL_EMULATOR_NODE", state.substr(state.rfind('/') + 1).c_str(), 1);
    setenv("GPOOL_LOG", "warn", 0);
    execl(workerd, workerd, "--node", "threads", "--state", state.c_str(), "--driver", driver, "--tcp", "127.0.0.1:0",
          "--insecure", static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  char byte;
  pollfd words{ends[0], POLLIN, 0};
  while (poll(&words, 1, 20'000) == 1 && read(ends[0], &byte, 1) == 1 && byte != '\n') ready += byte;
  close(ends[0]);
  return pid;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) {
    std::fprintf(stderr, "%s WORKERD FOLDER-OF-THE-DRIVER CLIENT shm|tcp [ROUNDS]\n", arguments[0]);
    return 2;
  }
  char folder[] = "/tmp/gpool-threads-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 2;
  std::string ready;
  const pid_t workerd = start_workerd(arguments[1], arguments[2], folder, ready);
  const std::string endpoint =
      std::string(arguments[4]) == "shm" ? "unix:" + value_of(ready, "unix") : "tcp:" + value_of(ready, "tcp");
  setenv("GPOOL_ENDPOINTS", endpoint.c_str(), 1);
  if (gpool::Status status = gpool::calls::load_driver(arguments[3], cuda); !status) {
    std::fprintf(stderr, "%s\n", status.sentence().c_str());
    ++failures;
  } else {
    void* const library = dlopen(arguments[3], RTLD_NOW);
    launch_host_function = reinterpret_cast<decltype(launch_host_function)>(dlsym(library, "cuLaunchHostFunc"));
    CUcontext context = nullptr;
    CUstream shared = nullptr;
    CHECK(cuInit(0));
    CHECK(cuDevicePrimaryCtxRetain(&context, 0));
    CHECK(cuCtxSetCurrent(context));
    CHECK(cuStreamCreate(&shared, CU_STREAM_DEFAULT));
    std::vector<std::thread> threads;
    const int rounds = count > 5 ? std::atoi(arguments[5]) : 20;
    for (int i = 0; i < kThreads && failures == 0; ++i) threads.emplace_back(work, i, rounds, context, shared);
    for (std::thread& thread : threads) thread.join();
    CHECK(cuCtxSynchronize());
    CHECK(cuStreamDestroy_v2(shared));
    CHECK(cuDevicePrimaryCtxRelease_v2(0));
  }
  kill(workerd, SIGTERM);
  int status = 0;
  waitpid(workerd, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    std::fprintf(stderr, "workerd ended with %d\n", status), ++failures;
  std::filesystem::remove_all(folder);
  return failures == 0 ? 0 : 1;
}
