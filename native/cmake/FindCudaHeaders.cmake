# Finds cuda.h and nvml.h and offers them as the target gpool_cuda_headers. NVIDIA's headers are not committed: they come
# from the PyPI packages nvidia-cuda-runtime and nvidia-nvml-dev, or from an installed CUDA toolkit.
set(hints "${GPOOL_CUDA_INCLUDE}")
find_package(Python3 COMPONENTS Interpreter)
if(Python3_Interpreter_FOUND)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c "import sys; print(';'.join(p + '/nvidia/cu13/include' for p in sys.path if p))"
    OUTPUT_VARIABLE python_hints OUTPUT_STRIP_TRAILING_WHITESPACE)
  list(APPEND hints ${python_hints})
endif()
list(APPEND hints "$ENV{CUDA_HOME}/include" /usr/local/cuda/include)

find_path(GPOOL_CUDA_H cuda.h HINTS ${hints} NO_DEFAULT_PATH)
find_path(GPOOL_NVML_H nvml.h HINTS ${hints} NO_DEFAULT_PATH)
if(NOT GPOOL_CUDA_H)
  message(FATAL_ERROR "cuda.h was not found. Install the PyPI package nvidia-cuda-runtime (13.0 or later) into the Python "
                      "that CMake finds, or set -DGPOOL_CUDA_INCLUDE=/folder/with/cuda.h.")
endif()
add_library(gpool_cuda_headers INTERFACE)
target_include_directories(gpool_cuda_headers SYSTEM INTERFACE "${GPOOL_CUDA_H}")
if(GPOOL_NVML_H)
  target_include_directories(gpool_cuda_headers SYSTEM INTERFACE "${GPOOL_NVML_H}")
endif()
