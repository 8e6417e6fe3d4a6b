" Settings for programs of dlc.
if exists('b:did_ftplugin') | finish | endif
let b:did_ftplugin = 1
setlocal commentstring=//\ %s comments=:// expandtab shiftwidth=4 softtabstop=4
setlocal makeprg=dlc\ check\ %:S errorformat=%f:%l:%c:\ %t%*[^:]:\ %m
let b:undo_ftplugin = 'setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< makeprg< errorformat<'
