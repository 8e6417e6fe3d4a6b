" Settings for programs of dlc.
if exists('b:did_ftplugin') | finish | endif
let b:did_ftplugin = 1
setlocal commentstring=//\ %s comments=:// expandtab shiftwidth=4 softtabstop=4
setlocal makeprg=dlc\ check\ %:S errorformat=%f:%l:%c:\ %t%*[^:]:\ %m
setlocal textwidth=100 formatoptions-=t

" The whole text through dlc fmt; a text with errors stays as it is.
function! s:format() abort
    let l:view = winsaveview()
    let l:text = systemlist('dlc fmt -', getline(1, '$'))
    if v:shell_error
        echohl ErrorMsg | echo join(l:text[0:2], "\n") | echohl None
        return
    endif
    call setline(1, l:text)
    if line('$') > len(l:text) | execute (len(l:text) + 1) . ',$delete _' | endif
    call winrestview(l:view)
endfunction
command! -buffer DlFormat call s:format()

let b:undo_ftplugin = 'setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< makeprg< errorformat<'
    \ . ' textwidth< formatoptions< | delcommand DlFormat'
