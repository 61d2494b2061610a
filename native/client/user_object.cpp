// User objects: references that graphs hold to something of the program's, whose destructor is called with the last
// one. Nothing of this is known to the worker.
#include <atomic>
#include <mutex>
#include <unordered_set>

#include "client/call.h"
#include "client/driver.h"
#include "client/graph_holdings.h"

namespace gpool::client {

struct UserObject {
  void* data;
  CUhostFn destroy;
  std::atomic<uint64_t> references;
};

namespace {

constexpr unsigned kMostReferences = 0x7fffffff;

std::mutex& objects_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}
std::unordered_set<UserObject*>& objects() {
  static auto& set = *new std::unordered_set<UserObject*>;
  return set;
}

UserObject* find(Call& call, CUuserObject handle, unsigned count) {
  auto* object = reinterpret_cast<UserObject*>(handle);
  std::lock_guard lock(objects_mutex());
  if (count == 0 || count > kMostReferences || !objects().contains(object)) call.refuse(CUDA_ERROR_INVALID_VALUE);
  return call.ok() ? object : nullptr;
}

}  // namespace

void retain_user_object(UserObject& object, unsigned count) {
  object.references += count;
}

void release_user_object(UserObject& object, unsigned count) {
  if (object.references.fetch_sub(count) > count) return;
  {
    std::lock_guard lock(objects_mutex());
    objects().erase(&object);
  }
  object.destroy(object.data);
  delete &object;
}

}  // namespace gpool::client

using namespace gpool::client;

extern "C" CUresult cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy,
                                       unsigned int initialRefcount, unsigned int flags) {
  Call call("cuUserObjectCreate");
  // The flag must be set: nothing in CUDA waits for the destructor.
  if (call.required(object_out) == nullptr || destroy == nullptr || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC ||
      initialRefcount == 0 || initialRefcount > kMostReferences)
    call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return call.result();
  auto* made = new UserObject{ptr, destroy, initialRefcount};
  std::lock_guard lock(objects_mutex());
  objects().insert(made);
  *object_out = reinterpret_cast<CUuserObject>(made);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuUserObjectRetain(CUuserObject object, unsigned int count) {
  Call call("cuUserObjectRetain");
  if (UserObject* known = find(call, object, count)) retain_user_object(*known, count);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuUserObjectRelease(CUuserObject object, unsigned int count) {
  Call call("cuUserObjectRelease");
  UserObject* known = find(call, object, count);
  if (known != nullptr && known->references.load() < count) call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (call.ok()) release_user_object(*known, count);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuGraphRetainUserObject(CUgraph graph, CUuserObject object, unsigned int count,
                                            unsigned int flags) {
  Call call("cuGraphRetainUserObject");
  call.handle(graph);
  Object* of_graph = call.object();
  UserObject* known = find(call, object, count);
  if ((flags & ~static_cast<unsigned>(CU_GRAPH_USER_OBJECT_MOVE)) != 0) call.refuse(CUDA_ERROR_INVALID_VALUE);
  if (!call.ok()) return call.result();
  if ((flags & CU_GRAPH_USER_OBJECT_MOVE) == 0) retain_user_object(*known, count);
  state_of(*of_graph).holdings->retain(*known, count);
  return call.end(CUDA_SUCCESS);
}

extern "C" CUresult cuGraphReleaseUserObject(CUgraph graph, CUuserObject object, unsigned int count) {
  Call call("cuGraphReleaseUserObject");
  call.handle(graph);
  Object* of_graph = call.object();
  UserObject* known = find(call, object, count);
  if (!call.ok()) return call.result();
  return call.end(state_of(*of_graph).holdings->release(*known, count) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
}
