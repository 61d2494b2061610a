// User objects: references of graphs to something of the program's.
#include "emulator/driver/driver.h"
#include "emulator/driver/graph.h"

namespace gpool::emulator {
namespace {

constexpr unsigned kMostReferences = 0x7fffffff;

CUresult find_object(CUuserObject handle, unsigned count, UserObjectRef& object) {
  GPOOL_CHECK(driver().ready());
  object = handles().find<UserObject>(handle);
  return object && count > 0 && count <= kMostReferences ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

Graph::~Graph() {
  for (const auto& [object, count] : objects) release_user_object(object, count);
}

void release_user_object(const UserObjectRef& object, uint64_t count) {
  if (object->references.fetch_sub(count) > count) return;
  handles().remove(object->handle);
  object->destroy(object->data);
}

GPOOL_CUDA cuUserObjectCreate(CUuserObject* out, void* data, CUhostFn destroy, unsigned count, unsigned flags) {
  GPOOL_CHECK(driver().ready());
  if (!out || !destroy || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC || count == 0 || count > kMostReferences)
    return CUDA_ERROR_INVALID_VALUE;
  auto object = std::make_shared<UserObject>(data, destroy, count);
  handles().add(object);
  *out = reinterpret_cast<CUuserObject>(object->handle);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuUserObjectRetain(CUuserObject handle, unsigned count) {
  UserObjectRef object;
  GPOOL_CHECK(find_object(handle, count, object));
  object->references += count;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuUserObjectRelease(CUuserObject handle, unsigned count) {
  UserObjectRef object;
  GPOOL_CHECK(find_object(handle, count, object));
  if (object->references < count) return CUDA_ERROR_INVALID_VALUE;
  release_user_object(object, count);
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphRetainUserObject(CUgraph graph_handle, CUuserObject handle, unsigned count, unsigned flags) {
  std::shared_ptr<Graph> graph;
  UserObjectRef object;
  GPOOL_CHECK(find_graph(graph_handle, graph));
  GPOOL_CHECK(find_object(handle, count, object));
  if (flags & ~CU_GRAPH_USER_OBJECT_MOVE) return CUDA_ERROR_INVALID_VALUE;
  if (!(flags & CU_GRAPH_USER_OBJECT_MOVE)) object->references += count;
  std::lock_guard lock(graph->mutex);
  graph->objects[object] += count;
  return CUDA_SUCCESS;
}

GPOOL_CUDA cuGraphReleaseUserObject(CUgraph graph_handle, CUuserObject handle, unsigned count) {
  std::shared_ptr<Graph> graph;
  UserObjectRef object;
  GPOOL_CHECK(find_graph(graph_handle, graph));
  GPOOL_CHECK(find_object(handle, count, object));
  {
    std::lock_guard lock(graph->mutex);
    auto held = graph->objects.find(object);
    if (held == graph->objects.end() || held->second < count) return CUDA_ERROR_INVALID_VALUE;
    held->second -= count;
    if (held->second == 0) graph->objects.erase(held);
  }
  release_user_object(object, count);
  return CUDA_SUCCESS;
}

}  // namespace gpool::emulator
