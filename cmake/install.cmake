# What `cmake --install` puts on a machine: programs, manual pages, completion, systemd units (packaging/README.md).
# Pages and completion come from the installed programs themselves, so they cannot disagree.

include(GNUInstallDirs)
install(TARGETS starminerd starminer starminer-provider starminer-devices starminer-sim starminer-supervisor starminer-sandbox-init
  starminer-attempts RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(CODE "set(bin \"${CMAKE_INSTALL_BINDIR}\")\nset(man \"${CMAKE_INSTALL_MANDIR}\")\nset(data \"${CMAKE_INSTALL_DATADIR}\")
set(units \"${CMAKE_SOURCE_DIR}/packaging/systemd\")")
install(CODE [[
  set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
  set(pages "${root}/${man}/man1")
  file(MAKE_DIRECTORY "${pages}")
  foreach(program starminerd starminer starminer-provider starminer-sim)
    execute_process(COMMAND "${root}/${bin}/${program}" man --out "${pages}" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    foreach(shell IN ITEMS "bash|bash-completion/completions/${program}" "zsh|zsh/site-functions/_${program}"
        "fish|fish/vendor_completions.d/${program}.fish")
      string(REPLACE "|" ";" shell "${shell}")
      list(GET shell 0 name)
      list(GET shell 1 file)
      execute_process(COMMAND "${root}/${bin}/${program}" completion ${name} OUTPUT_VARIABLE script COMMAND_ERROR_IS_FATAL ANY)
      file(WRITE "${root}/${data}/${file}" "${script}")
    endforeach()
  endforeach()
  set(BIN "${CMAKE_INSTALL_PREFIX}/${bin}")
  foreach(unit starminerd starminer-provider)
    configure_file("${units}/${unit}.service" "${root}/lib/systemd/system/${unit}.service" @ONLY)
  endforeach()
  message(STATUS "Installed into ${root}: manual pages, completion, systemd units")
]])
