// What graphs hold on to in this process, beyond what the worker has of them: functions of the program that they call,
// memory that stands in for pageable memory of the program, and references to user objects. A graph, its copies, the
// graphs in its nodes and its executable graphs each hold theirs.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "calls/driver_api.h"
#include "client/call.h"

namespace gpool::client {

class Session;
struct Context;
struct Object;
struct UserObject;

// Known to the worker by its number, for as long as something holds it.
struct GraphFunction {
  GraphFunction(Session& session, CUhostFn function, void* data);
  ~GraphFunction();
  Session& session;
  const uint64_t id;
  const CUhostFn function;
  void* const data;
};
// Null: the worker of this session speaks of one that nothing holds, or that is another session's.
std::shared_ptr<GraphFunction> find_graph_function(const Session& session, uint64_t id);

// Pinned memory in place of pageable memory that a graph copies from or to. The program's bytes go there when the
// graph is launched, and what the graph has written there comes back wherever the program may see it.
class Staging {
 public:
  Staging(Context& context, uint64_t user, uint64_t bytes, bool to_host);
  ~Staging();
  Session& session;
  const uint64_t user, bytes;
  const bool to_host;
  uint64_t address = 0;  // of the pinned memory; 0: there is none to be had

  void take();  // the program's bytes
  void land();  // what has changed since

 private:
  std::mutex mutex_;
  std::vector<std::byte> shadow_;
};

class Holdings {
 public:
  ~Holdings();
  bool empty() const;
  bool has_functions() const;
  // The number of the function, held from now on.
  uint64_t add(Session& session, CUhostFn function, void* data);
  // Where the worker's driver finds memory that is pinned or pageable: an address within one host_map. 0: nowhere.
  uint64_t reach(Session& session, Context& context, uint64_t host, uint64_t bytes, bool to_host);
  void retain(UserObject& object, unsigned count);
  bool release(UserObject& object, unsigned count);
  void add_all(const Holdings& other);
  // Before a launch in the stream.
  void stage(wire::Handle stream);

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<GraphFunction>> functions_;
  std::vector<std::shared_ptr<Staging>> stagings_;
  std::map<UserObject*, unsigned> objects_;
};

// The program's address of memory that the worker knows as `address`: another one for staged memory.
uint64_t user_address(uint64_t address);
// What graphs have written for the program is there now.
void land_staged(Session& session);
// The same, and all that had been launched in the stream (0xffff…: in any) is over.
void end_staged(Session& session, wire::Handle stream);

// -- of graphs and executable graphs: hang on their objects
// The nodes of a graph that have handles, which go with it, and what it holds.
struct GraphState {
  std::mutex mutex;
  std::vector<wire::Handle> nodes, children;
  std::shared_ptr<Holdings> holdings = std::make_shared<Holdings>();
  // What cuGraphKernelNodeGetParams has handed out: the program reads it in place.
  struct Said {
    std::vector<std::byte> packed;
    std::vector<void*> pointers;
  };
  std::map<wire::Handle, Said> said;
};
GraphState& state_of(Object& graph);
// A graph has gone.
void forget_graph(Session& session, Object& graph);

struct ExecState {
  std::shared_ptr<Holdings> holdings;
  std::atomic<bool> launched{false};
};
// Null: it holds nothing.
ExecState* held_by_exec(Object& exec);
ExecState& state_of_exec(Object& exec);
// What it held is let go of once the launches so far are over.
void let_go(Session& session, ExecState& state);

// What the graph that the stream is captured into holds. In capture.cpp.
std::shared_ptr<Holdings> capture_holdings(CUstream stream);

// In host_function.cpp: a number of the session's for push_done, which the thread of host functions will hear of and
// let go of `held`. 0: there is no such thread.
uint64_t expect_done(Session& session, std::shared_ptr<void> held);
void expect_no_more(Session& session, uint64_t id);

// In user_object.cpp.
void retain_user_object(UserObject& object, unsigned count);
void release_user_object(UserObject& object, unsigned count);

}  // namespace gpool::client
