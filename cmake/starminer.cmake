# One build function for all code of the project: warnings, sanitizers and the test beside the source.

option(STARMINER_FUZZ "Build the libFuzzer targets" OFF)
option(STARMINER_COVERAGE "Instrument for gcov" OFF)
option(STARMINER_UNITY "Compile the UNITY modules several files at a time: half the work of a first build" OFF)
set(STARMINER_SANITIZE "" CACHE STRING "Sanitizers, comma separated")

set(CMAKE_CXX_FLAGS_DEV "-O1 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_QUICK "-O1")  # two thirds of the time that Release takes to compile

add_library(starminer_options INTERFACE)
target_compile_features(starminer_options INTERFACE cxx_std_20)
target_include_directories(starminer_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(starminer_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror -fno-omit-frame-pointer
  -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_compile_definitions(starminer_options INTERFACE
  BOOST_ALL_NO_LIB BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(starminer_options INTERFACE _FORTIFY_SOURCE=2)
endif()
target_link_options(starminer_options INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now)
if(STARMINER_SANITIZE)
  target_compile_options(starminer_options INTERFACE -fsanitize=${STARMINER_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(starminer_options INTERFACE -fsanitize=${STARMINER_SANITIZE})
endif()
if(STARMINER_FUZZ)
  target_compile_options(starminer_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(STARMINER_COVERAGE)
  target_compile_options(starminer_options INTERFACE --coverage)
  target_link_options(starminer_options INTERFACE --coverage)
endif()

# starminer_module(base DEPS ...): one static library of the folder src/<path>, named starminer_<path with _>,
# and, where the folder has *_test.cpp files, the test program <library>_test that runs in random order.
# DEPS are folders of src/ (see tools/layers.toml, which the layer check holds against the real includes);
# LIBS are outside libraries. UNITY: a first build (preset quickstart) compiles eight files as one, as parsing the headers of
# Boost and JSON takes longer than the code; ALONE names the files whose local names meet those of another file.
function(starminer_module path)
  cmake_parse_arguments(ARG "UNITY" "" "DEPS;LIBS;ALONE;TEST_DEPS;TEST_LIBS" ${ARGN})
  string(REPLACE "/" "_" suffix ${path})
  set(name starminer_${suffix})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${path}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  set(deps "")
  foreach(dep ${ARG_DEPS})
    string(REPLACE "/" "_" dep ${dep})
    list(APPEND deps starminer_${dep})
  endforeach()
  set(test_deps "")
  foreach(dep ${ARG_TEST_DEPS})
    string(REPLACE "/" "_" dep ${dep})
    list(APPEND test_deps starminer_${dep})
  endforeach()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC starminer_options ${deps} ${ARG_LIBS})
    if(STARMINER_UNITY AND ARG_UNITY)
      set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
      list(TRANSFORM ARG_ALONE PREPEND ${CMAKE_SOURCE_DIR}/src/${path}/)
      set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
      # Local types of included files are as local as ever.
      target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE starminer_options ${deps} ${ARG_LIBS})
  endif()
  if(tests AND NOT STARMINER_FUZZ)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${test_deps} ${ARG_TEST_LIBS} rapidcheck GTest::gmock GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_test --gtest_shuffle --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES LABELS unit)
  endif()
endfunction()

# starminer_program(starminerd DIR node DEPS ...): an executable from src/<dir>/main.cpp.
function(starminer_program name)
  cmake_parse_arguments(ARG "" "DIR" "DEPS;LIBS" ${ARGN})
  set(deps "")
  foreach(dep ${ARG_DEPS})
    string(REPLACE "/" "_" dep ${dep})
    list(APPEND deps starminer_${dep})
  endforeach()
  add_executable(${name} ${CMAKE_SOURCE_DIR}/src/${ARG_DIR}/main.cpp)
  target_link_libraries(${name} PRIVATE starminer_options ${deps} ${ARG_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()
